//! Why a port or a flow could not be had.

use super::{Binding, Flow, Protocol};

/// What went wrong with a port. Each message names the thing, the cause, and the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Somebody else's binding overlaps.
    #[error("{0} is taken; choose another port, or let both sides share it as one group")]
    Taken(Binding),
    /// There is no such port.
    #[error("port {0} cannot be bound; choose one from 1 to 65535")]
    OutOfRange(u16),
    /// The ephemeral range has no free port.
    #[error(
        "no {0} port from {1} to {2} is free; release some, wait for released ones to rest, or \
         widen the ephemeral range"
    )]
    Exhausted(Protocol, u16, u16),
    /// As many bindings as there may be.
    #[error("all {0} bindings are in use; release some or raise the limit")]
    TooManyBindings(usize),
    /// As many flows as there may be, none of them resting.
    #[error("all {0} flows are in use; release some or raise the limit")]
    TooManyFlows(usize),
    /// The flow exists.
    #[error("{0} exists already; choose another local port")]
    FlowTaken(Flow),
    /// The flow ended a moment ago, and segments of it may still be under way.
    #[error("{0} ended a moment ago; choose another local port or wait for it to rest")]
    FlowResting(Flow),
    /// The binding was never given out, or was released.
    #[error("{0} is not bound by who says so; bind it first")]
    NotBound(Binding),
    /// The flow does not exist, or is another's.
    #[error("{0} does not exist or belongs to another; open it first")]
    NoFlow(Flow),
    /// The addresses of a flow are not of one family, unspecified, or not within the binding.
    #[error("{0} cannot be: its addresses must be specific, of one family, and within the binding")]
    Impossible(Flow),
}
