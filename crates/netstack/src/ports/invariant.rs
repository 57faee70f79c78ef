//! The invariants that the module's head promises, checked on a state as it lies there.

use super::flow::Key;
use super::flow_table::Holder;
use super::port_table::Seat;
use super::{Held, Ports, Protocol, Sharing};
use alloc::vec::Vec;

impl Ports {
    /// The number of the first invariant that does not hold: for tests, and for a state that was
    /// loaded. Takes time in proportion to the state, and to the square of the bindings of a port.
    pub fn broken_invariant(&self) -> Option<u8> {
        let seats: Vec<Seat> = self.udp.all_seats().chain(self.tcp.all_seats()).collect();
        let checks = [
            (1, self.overlaps_are_shared(&seats)),
            (2, seats.iter().all(|seat| seat.binding.port != 0) && self.flows_are_possible()),
            (3, self.rest_is_known()),
            (5, self.udp_flows_are_bound(&seats)),
            (6, seats.len() <= self.most_bindings && self.flows.len() <= self.most_flows),
            (7, self.holdings_are_exact(&seats)),
            (9, self.resting_ports_are_free()),
        ];
        checks.into_iter().find(|(_, holds)| !holds).map(|(number, _)| number)
    }

    fn overlaps_are_shared(&self, seats: &[Seat]) -> bool {
        seats.len() == self.udp.len() + self.tcp.len()
            && seats.iter().enumerate().all(|(place, seat)| {
                let one = seat.binding;
                let rest = seats.iter().skip(place + 1).map(|seat| seat.binding);
                let same_port = |other: &super::Binding| {
                    (other.protocol, other.port) == (one.protocol, one.port)
                };
                rest.take_while(same_port).filter(|other| other.reach.overlaps(one.reach)).all(
                    |other| {
                        one.sharing != Sharing::Exclusive
                            && one.sharing == other.sharing
                            && (one.owner, one.reach) != (other.owner, other.reach)
                    },
                )
            })
    }

    fn flows_are_possible(&self) -> bool {
        self.flows.iter().all(|(key, _)| key.flow().is_possible())
    }

    fn rest_is_known(&self) -> bool {
        let resting = || self.flows.iter().filter(|(_, holder)| *holder == Holder::Rest);
        resting().all(|(key, _)| self.resting_flows.contains(&key))
            && resting().count() == self.resting_flows.iter().count()
            && self.resting_flows.is_consistent()
            && self.resting_numbers.is_consistent()
    }

    fn udp_flows_are_bound(&self, seats: &[Seat]) -> bool {
        let mut connected: Vec<Key> = Vec::new();
        for seat in seats {
            let Some(key) = seat.connected else { continue };
            let (flow, binding) = (key.flow(), seat.binding);
            let fits = binding.protocol == Protocol::Udp
                && flow.protocol == Protocol::Udp
                && flow.local.port() == binding.port
                && binding.reach.covers(flow.local.ip())
                && self.flows.get(&key) == Some(Holder::Owner(binding.owner));
            if !fits {
                return false;
            }
            connected.push(key);
        }
        connected.sort_unstable();
        connected.dedup();
        let udp = self.flows.iter().filter(|(key, _)| key.flow().protocol == Protocol::Udp);
        udp.count() == connected.len()
            && connected.len() == seats.iter().filter(|seat| seat.connected.is_some()).count()
    }

    fn holdings_are_exact(&self, seats: &[Seat]) -> bool {
        let mut held = 0;
        let bindings = seats.iter().map(|seat| (seat.binding.owner, Held::Binding(seat.binding)));
        let flows = self.flows.iter().filter_map(|(key, holder)| match holder {
            Holder::Owner(owner) if key.flow().protocol == Protocol::Tcp => {
                Some((owner, Held::Flow(key)))
            }
            _ => None,
        });
        for what in bindings.chain(flows) {
            held += 1;
            if !self.held.contains(&what) {
                return false;
            }
        }
        held == self.held.len()
    }

    fn resting_ports_are_free(&self) -> bool {
        self.resting_numbers.iter().all(|((protocol, port), _)| self.table(protocol).is_free(port))
    }
}
