//! Why a socket could not do what it was asked to.

/// Everything that can go wrong between a program and its network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The driver failed.
    #[error(transparent)]
    Nic(#[from] nic::Error),
    /// The stack refused.
    #[error(transparent)]
    Stack(#[from] netstack::Error),
    /// The pool has too few pages for even one interface.
    #[error(
        "a pool of {pages} pages is too small; make it {least} or more, which an interface needs"
    )]
    PoolTooSmall {
        /// How many there are.
        pages: usize,
        /// How many there must be.
        least: usize,
    },
    /// The operating system did not give a thread, or what is needed to wake it.
    #[error(
        "the network's thread could not be started: {0}; raise the limits on threads and files"
    )]
    Thread(std::io::Error),
    /// A name has no address, as far as could be found out.
    #[error(transparent)]
    Name(netstack::dns::DnsError),
    /// No socket could be had to ask a name server.
    #[error("a name server could not be asked: {0}; close sockets that are not needed")]
    Resolving(std::io::Error),
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        use netstack::Error as Stack;
        use std::io::ErrorKind;
        let kind = match &error {
            Error::Nic(_) => ErrorKind::NetworkDown,
            Error::PoolTooSmall { .. } | Error::Stack(Stack::NoBuffers) => ErrorKind::OutOfMemory,
            Error::Thread(source) | Error::Resolving(source) => source.kind(),
            Error::Name(_) => ErrorKind::NotFound,
            Error::Stack(stack) => match stack {
                Stack::InUse(_) | Stack::NoPort => ErrorKind::AddrInUse,
                Stack::NotOurs(_) | Stack::NoAddress(_) => ErrorKind::AddrNotAvailable,
                Stack::NoRoute(_) => ErrorKind::NetworkUnreachable,
                Stack::Broadcast(_) => ErrorKind::PermissionDenied,
                Stack::NotConnected | Stack::NoStack => ErrorKind::NotConnected,
                Stack::Refused(_) => ErrorKind::ConnectionRefused,
                // All three are what Linux calls "no route to host" at a socket; the message, and
                // the error inside, tell them apart.
                Stack::Unreachable(_) | Stack::HopsUsedUp(_) | Stack::FragmentsMissing(_) => {
                    ErrorKind::HostUnreachable
                }
                _ => ErrorKind::InvalidInput,
            },
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn what_does_not_get_through_is_unreachable_and_says_why_inside() {
        let to = ([192, 0, 2, 1], 7).into();
        for cause in [
            netstack::Error::Unreachable(to),
            netstack::Error::HopsUsedUp(to),
            netstack::Error::FragmentsMissing(to),
        ] {
            let error = io::Error::from(Error::from(cause));
            assert_eq!(error.kind(), io::ErrorKind::HostUnreachable, "{error}");
            assert_eq!(error.to_string(), cause.to_string());
            let inside = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
            assert!(matches!(inside, Some(Error::Stack(stack)) if *stack == cause), "{error:?}");
        }
    }
}
