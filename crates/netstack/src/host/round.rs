//! A round: all stacks that have something waiting, served in two calls.
//!
//! With thousands of sockets, most of a batch is for a different one each; to be asked for each of
//! them costs more than the packet itself. Here whose a packet is goes beside it.

use super::{Host, OUTGOING, release};
use crate::Time;
use crate::udp::{Stack, StackId, Stacks};
use alloc::vec::Vec;
use packet::Batch;

impl Host {
    /// Moves up to `limit` waiting datagrams of all stacks to the back of `received`, and whose
    /// each one is to the back of `owners`. Says how many there were.
    ///
    /// Stacks take turns in the order in which they got something; those of one stack stay in
    /// order. A stack lends no buffers by this: use [`Host::rx_batch`] for that.
    #[inline]
    pub fn rx_round(
        &mut self,
        received: &mut Batch,
        owners: &mut Vec<StackId>,
        limit: usize,
    ) -> usize {
        let mut left = limit;
        while left > 0
            && let Some(count) = self.stacks.take_next(received, owners, left)
        {
            left -= count;
        }
        limit - left
    }

    /// Takes complete datagrams from the front of `ready` to be sent, of which `owners` says whose
    /// each is, as [`Host::tx_batch`] takes those of one stack. What could not be taken stays; the
    /// last of `owners` say whose it is. Says how many were taken to be sent.
    #[inline]
    pub fn tx_round(
        &mut self,
        now: Time,
        owners: &[StackId],
        ready: &mut Batch,
        free: &mut Batch,
    ) -> usize {
        let mut left = owners;
        let mut taken = 0;
        while !left.is_empty() && !ready.is_empty() && self.outgoing.len() < OUTGOING {
            let plain = self.depart_plain_round(left, ready);
            taken += plain;
            left = left.get(plain..).unwrap_or_default();
            if let Some(owner) = left.first()
                && self.outgoing.len() < OUTGOING
                && let Some(packet) = ready.pop_front()
            {
                left = left.get(1..).unwrap_or_default();
                let mut one = Batch::from([packet]);
                taken += self.tx_batch(now, *owner, &mut one, free);
                one.into_iter().for_each(|packet| release(packet, free));
            }
        }
        taken
    }

    /// Sends the datagrams at the front of `ready` that are plain and go back by the way they came,
    /// of stacks that do not lend; stops at one that takes a second look. Says how many were sent.
    #[inline]
    fn depart_plain_round(&mut self, owners: &[StackId], ready: &mut Batch) -> usize {
        let room = OUTGOING.saturating_sub(self.outgoing.len());
        let Some((common, stacks)) = self.common() else { return 0 };
        let mut count = 0;
        for (packet, owner) in ready.iter_mut().zip(owners).take(room) {
            let Some(stack) = stacks.get_mut(*owner) else { break };
            if stack.is(Stack::LENDS) || !common.complete(stack, packet) {
                break;
            }
            Stacks::left_plain(stack, 1);
            count += 1;
        }
        if count == ready.len() {
            self.outgoing.append(ready);
        } else {
            self.outgoing.extend(ready.drain(..count));
        }
        count
    }
}
