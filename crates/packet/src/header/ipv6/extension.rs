//! Extension headers, and the walk along them to what the packet carries.
//!
//! A receiver that does not know a header's number answers with a parameter problem, code 1,
//! pointing at the number (RFC 8200, section 4); so [`upper`] says where each number lies.

mod fragment;
mod options;
mod routing;
mod walk;

pub use fragment::Fragment;
pub use options::{Option, Options, Unknown};
pub use routing::Routing;
pub use walk::{Blocked, Upper, upper, upper_of_first};
