//! Packet flipping: whatever comes for others, no stack that lends its buffers ever has fewer.

mod segment;

use netstack::udp::Options;
use netstack::{Config, Datagram, Host, StackId, Time};
use packet::{Batch, Pool};
use proptest::prelude::*;
use segment::{config, mac, v4};

const STACKS: usize = 4;

/// One stack and what its application holds.
struct Tenant {
    stack: StackId,
    free: Batch,
    held: Batch,
}

/// What can happen, in any order.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A datagram for stack so and so comes (beyond the last: for nobody).
    Arrive(usize),
    /// An application lends so many free buffers and takes what waits.
    Take { tenant: usize, lend: usize, limit: usize },
    /// All take what waits in one call.
    TakeRound { limit: usize },
    /// It, and all who do not lend, send back what they hold in one call.
    AnswerRound { tenant: usize },
    /// It sends so many of the datagrams it holds back.
    Answer { tenant: usize, count: usize },
    /// It frees so many of the datagrams it holds.
    Free { tenant: usize, count: usize },
    /// It wants so many buffers back.
    Withdraw { tenant: usize, count: usize },
    /// It sends something of its own that has no way to go.
    Lose { tenant: usize },
    /// The driver sends what is ready and gives the buffers back.
    Transmit,
}

fn step() -> impl Strategy<Value = Step> {
    let tenant = 0..STACKS;
    let count = 0_usize..6;
    prop_oneof![
        6 => (0..STACKS + 2).prop_map(Step::Arrive),
        3 => (tenant.clone(), count.clone(), 0_usize..9)
            .prop_map(|(tenant, lend, limit)| Step::Take { tenant, lend, limit }),
        1 => (0_usize..9).prop_map(|limit| Step::TakeRound { limit }),
        1 => tenant.clone().prop_map(|tenant| Step::AnswerRound { tenant }),
        2 => (tenant.clone(), count.clone())
            .prop_map(|(tenant, count)| Step::Answer { tenant, count }),
        2 => (tenant.clone(), count.clone())
            .prop_map(|(tenant, count)| Step::Free { tenant, count }),
        2 => (tenant.clone(), count).prop_map(|(tenant, count)| Step::Withdraw { tenant, count }),
        1 => tenant.prop_map(|tenant| Step::Lose { tenant }),
        2 => Just(Step::Transmit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_stack_loses_a_buffer_by_anothers_traffic(
        steps in prop::collection::vec(step(), 1..200),
        shared in prop::collection::vec(any::<bool>(), STACKS),
    ) {
        run(&steps, &shared);
    }
}

/// A frame that host 1 sends to a port of host 2.
fn frame(client: &mut Host, from: StackId, port: u16, buffers: &mut Batch) -> Vec<u8> {
    let mut ready = Batch::new();
    client.prepare_batch(from, v4(2, port), b"payload", 100, buffers, &mut ready).expect("a route");
    client.tx_batch(Time::ZERO, from, &mut ready, buffers);
    client.transmit(&mut ready);
    let packet = ready.pop_front().expect("a frame");
    let bytes = packet.bytes().to_vec();
    buffers.push_back(packet);
    bytes
}

fn run(steps: &[Step], shared: &[bool]) {
    const EACH: usize = 8;
    const HOUSE: usize = 300;
    let mut pool = Pool::plain(4096);
    let known = |mut config: Config, number| {
        config.neighbors.push((v4(number, 0).ip(), mac(number)));
        config
    };
    let mut client = Host::new(&known(config(1), 2), 1, Time::ZERO).expect("a host");
    let mut buffers = Batch::new();
    pool.allocate_batch(&mut buffers, 4);
    let from = client.bind(Time::ZERO, &Options::new(v4(1, 5000))).expect("a port");
    let frames: Vec<_> = (0..STACKS + 2)
        .map(|index| frame(&mut client, from, 100 + index as u16, &mut buffers))
        .collect();

    let mut host = Host::new(&known(config(2), 1), 2, Time::ZERO).expect("a host");
    // The driver's buffers. Every one belongs to the house or to some stack.
    let mut driver = Batch::new();
    pool.allocate_batch(&mut driver, HOUSE);
    let mut tenants: Vec<_> = (0..STACKS)
        .map(|index| {
            let options = Options {
                queue: 5,
                lends: !shared[index],
                ..Options::new(v4(2, 100 + index as u16))
            };
            let stack = host.bind(Time::ZERO, &options).expect("a port");
            let mut free = Batch::new();
            pool.allocate_batch(&mut free, EACH);
            Tenant { stack, free, held: Batch::new() }
        })
        .collect();

    for step in steps {
        match *step {
            Step::Arrive(index) => {
                let Some(mut packet) = driver.pop_front() else { continue };
                packet.clear();
                packet
                    .push_back(frames[index].len())
                    .expect("room")
                    .copy_from_slice(&frames[index]);
                let mut received = Batch::from([packet]);
                host.receive(Time::ZERO, &mut received, &mut driver);
            }
            Step::Take { tenant, lend, limit } => {
                let Tenant { stack, free, held } = &mut tenants[tenant];
                let mut lent: Batch = free.drain(..lend.min(free.len())).collect();
                host.rx_batch(*stack, held, &mut lent, limit);
                free.append(&mut lent);
            }
            Step::TakeRound { limit } => take_round(&mut host, &mut tenants, limit),
            Step::AnswerRound { tenant } => answer_round(&mut host, &mut tenants, shared, tenant),
            Step::Answer { tenant, count } => {
                let Tenant { stack, free, held } = &mut tenants[tenant];
                let mut ready: Batch = held.drain(..count.min(held.len())).collect();
                for packet in &mut ready {
                    Datagram::read(packet).expect("a datagram").flip();
                }
                host.tx_batch(Time::ZERO, *stack, &mut ready, free);
                assert!(ready.is_empty());
            }
            Step::Free { tenant, count } => {
                let Tenant { free, held, .. } = &mut tenants[tenant];
                free.extend(held.drain(..count.min(held.len())));
            }
            Step::Withdraw { tenant, count } => {
                let Tenant { stack, free, .. } = &mut tenants[tenant];
                host.withdraw(*stack, free, count);
            }
            Step::Lose { tenant } => {
                let Tenant { stack, free, .. } = &mut tenants[tenant];
                let Some(mut packet) = free.pop_front() else { continue };
                packet.clear();
                packet.push_back(20).expect("room").fill(0);
                let mut ready = Batch::from([packet]);
                assert_eq!(host.tx_batch(Time::ZERO, *stack, &mut ready, free), 0);
            }
            Step::Transmit => {
                let mut ready = Batch::new();
                host.transmit(&mut ready);
                driver.append(&mut ready);
            }
        }
        for (index, tenant) in tenants.iter().enumerate() {
            if shared[index] {
                continue;
            }
            let statistics = host.statistics(tenant.stack).expect("open");
            let total =
                statistics.credit + statistics.waiting + tenant.free.len() + tenant.held.len();
            assert_eq!(total, EACH, "stack {index} after {step:?}");
        }
    }
    // And none was made up or lost altogether.
    let mut ready = Batch::new();
    host.transmit(&mut ready);
    drop(ready);
    drop((host, driver, tenants, client, buffers));
    assert_eq!(pool.statistics().away, 0);
}

fn take_round(host: &mut Host, tenants: &mut [Tenant], limit: usize) {
    let (mut received, mut owners) = (Batch::new(), Vec::new());
    let count = host.rx_round(&mut received, &mut owners, limit);
    assert!(count <= limit);
    assert_eq!((received.len(), owners.len()), (count, count));
    for (mut packet, owner) in received.into_iter().zip(owners) {
        let index = tenants.iter().position(|it| it.stack == owner).expect("a stack");
        let to = Datagram::read(&mut packet).expect("a datagram").destination();
        assert_eq!(to.port(), 100 + index as u16, "the packet is its owner's");
        tenants[index].held.push_back(packet);
    }
}

fn answer_round(host: &mut Host, tenants: &mut [Tenant], shared: &[bool], tenant: usize) {
    let (mut ready, mut owners) = (Batch::new(), Vec::new());
    // Turn by turn, so that packets of one stack do not follow each other.
    for _ in 0..16 {
        for (index, it) in tenants.iter_mut().enumerate() {
            if (index == tenant || shared[index])
                && let Some(mut packet) = it.held.pop_front()
            {
                Datagram::read(&mut packet).expect("a datagram").flip();
                ready.push_back(packet);
                owners.push(it.stack);
            }
        }
    }
    let free = &mut tenants[tenant].free;
    let taken = host.tx_round(Time::ZERO, &owners, &mut ready, free);
    assert_eq!((taken, ready.len()), (owners.len(), 0));
}
