//! What a virtual machine that is connected has told us, and the answers it gets.

use super::super::guest::GuestMemory;
use super::super::message::{
    Channel, Message, NO_DESCRIPTOR, RingAddress, RingState, feature, protocol, request,
};
use super::queue::Queue;
use crate::Error;
use std::os::fd::OwnedFd;

/// Features that do not depend on options.
const ALWAYS: u64 =
    feature::VERSION_1 | feature::MERGE_BUFFERS | feature::IN_ORDER | feature::PROTOCOL;
/// Features if checksums and cutting may be left to each other.
const OFFLOADS: u64 = feature::CSUM
    | feature::GUEST_CSUM
    | feature::GUEST_TSO4
    | feature::GUEST_TSO6
    | feature::HOST_TSO4
    | feature::HOST_TSO6;

/// A ring that fills the guest's buffers, and one that empties them.
pub(super) const TO_GUEST: usize = 0;
pub(super) const FROM_GUEST: usize = 1;

pub(super) struct Session {
    pub(super) channel: Channel,
    pub(super) memory: GuestMemory,
    pub(super) queues: [Queue; 2],
    pub(super) features: u64,
    offered: u64,
}

impl Session {
    pub(super) fn new(channel: Channel, offloads: bool) -> Self {
        Self {
            channel,
            memory: GuestMemory::default(),
            queues: Default::default(),
            features: 0,
            offered: if offloads { ALWAYS | OFFLOADS } else { ALWAYS },
        }
    }

    /// Does what one message asks for. An error ends the session.
    pub(super) fn attend(&mut self) -> Result<(), Error> {
        let mut message = self.channel.receive()?;
        if let Some(answer) = self.question(&message)? {
            return match answer {
                Answer::Number(number) => self.channel.answer(&message, &number),
                Answer::Ring(state) => self.channel.answer(&message, &state),
            };
        }
        let done = self.order(&mut message);
        if message.needs_reply() {
            self.channel.answer(&message, &u64::from(!done))
        } else if done {
            Ok(())
        } else {
            Err(self
                .channel
                .peer(format!("asked for what cannot be (message {})", message.request)))
        }
    }

    /// Messages that have an answer.
    fn question(&mut self, message: &Message) -> Result<Option<Answer>, Error> {
        Ok(Some(match message.request {
            request::GET_FEATURES => Answer::Number(self.offered),
            request::GET_PROTOCOL_FEATURES => {
                Answer::Number(protocol::REPLY_ACK | protocol::MULTI_QUEUE)
            }
            request::GET_QUEUE_NUM => Answer::Number(1),
            request::GET_VRING_BASE => {
                let state: Option<RingState> = message.read();
                let queue = state.and_then(|state| self.queues.get_mut(state.index as usize));
                let (Some(state), Some(queue)) = (state, queue) else {
                    return Err(self.channel.peer("asked for a ring that is not there"));
                };
                Answer::Ring(RingState { index: state.index, number: queue.stop().into() })
            }
            _ => return Ok(None),
        }))
    }

    /// Messages that are done or not done.
    fn order(&mut self, message: &mut Message) -> bool {
        match message.request {
            request::SET_FEATURES => {
                let Some(features) = message.read::<u64>() else { return false };
                self.features = features & self.offered;
                // Without the protocol's extensions there is no message that enables a ring.
                let enabled = features & feature::PROTOCOL == 0;
                self.queues.iter_mut().for_each(|queue| queue.enabled |= enabled);
                features & !self.offered == 0
            }
            request::SET_MEM_TABLE => self.set_memory(message),
            request::RESET_OWNER => {
                self.queues.iter_mut().for_each(|queue| {
                    queue.stop();
                });
                true
            }
            request::SET_VRING_NUM => {
                self.ring(message, |queue, state| queue.set_size(state.number))
            }
            request::SET_VRING_BASE => self.ring(message, |queue, state| {
                queue.set_base(state.number);
                true
            }),
            request::SET_VRING_ENABLE => self.ring(message, |queue, state| {
                queue.enabled = state.number == 1;
                true
            }),
            request::SET_VRING_ADDR => {
                let address: Option<RingAddress> = message.read();
                let queue = address.and_then(|it| self.queues.get_mut(it.index as usize));
                if let (Some(address), Some(queue)) = (address, queue) {
                    queue.set_address(address);
                    return true;
                }
                false
            }
            request::SET_VRING_KICK => self.event(message, Queue::start),
            request::SET_VRING_CALL => self.event(message, |queue, call| queue.call = call),
            // We report no errors of rings; the rest changes nothing for us.
            request::SET_VRING_ERR
            | request::SET_OWNER
            | request::SET_PROTOCOL_FEATURES
            | request::SEND_RARP
            | request::NET_SET_MTU => true,
            _ => false,
        }
    }

    fn set_memory(&mut self, message: &Message) -> bool {
        let Some(regions) = message.regions() else { return false };
        if regions.len() != message.descriptors.len() {
            return false;
        }
        self.queues.iter_mut().for_each(Queue::forget_tables);
        match GuestMemory::map(&regions, &message.descriptors) {
            Ok(memory) => {
                self.memory = memory;
                true
            }
            Err(cause) => {
                tracing::warn!(%cause, "the guest's memory could not be mapped");
                self.memory = GuestMemory::default();
                false
            }
        }
    }

    fn ring(&mut self, message: &Message, set: impl FnOnce(&mut Queue, RingState) -> bool) -> bool {
        let Some(state) = message.read::<RingState>() else { return false };
        self.queues.get_mut(state.index as usize).is_some_and(|queue| set(queue, state))
    }

    fn event(
        &mut self,
        message: &mut Message,
        set: impl FnOnce(&mut Queue, Option<OwnedFd>),
    ) -> bool {
        let Some(number) = message.read::<u64>() else { return false };
        let Some(queue) = self.queues.get_mut((number & 0xff) as usize) else { return false };
        let descriptor = message.descriptors.pop();
        if descriptor.is_none() && number & NO_DESCRIPTOR == 0 {
            return false;
        }
        set(queue, descriptor);
        true
    }
}

enum Answer {
    Number(u64),
    Ring(RingState),
}
