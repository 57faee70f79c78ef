//! What befalls the addresses of an interface while a program runs on it, as logs.

use socket::{Event, Link};

/// Logs what has happened since it was asked last. That an address is somebody else's too is a
/// warning, which people see unless they ask for less; what goes as it should, they must ask for.
pub(super) fn log(link: &mut Link) {
    while let Some(event) = link.host().next_event() {
        match event {
            Event::DuplicateAddress { address, mac } => tracing::warn!(
                "the address {address} is already in use by {mac} on this link; choose another \
                 for one of the two"
            ),
            Event::AddressLost(address) => tracing::warn!(
                "the address {address} is given to us no longer; packets to it go nowhere until \
                 another is given"
            ),
            Event::AddressReady(address) => {
                tracing::info!("the address {address} is ours, and nobody else's");
            }
            _ => {}
        }
    }
}
