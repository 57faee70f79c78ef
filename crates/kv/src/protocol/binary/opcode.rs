//! The binary protocol's commands.

use super::message::Request;
use crate::store::Condition;

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Get { with_key: bool, with_value: bool, touches: bool },
    Store(Condition),
    Delete,
    Count { increment: bool },
    Quit,
    Flush,
    Noop,
    Version,
    Statistics,
}

/// A command, and whether an answer that says nothing new shall be left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opcode {
    pub(super) command: Command,
    pub(super) quiet: bool,
}

const GET: Command = Command::Get { with_key: false, with_value: true, touches: false };
const GET_KEY: Command = Command::Get { with_key: true, with_value: true, touches: false };
const TOUCH: Command = Command::Get { with_key: false, with_value: false, touches: true };
const GAT: Command = Command::Get { with_key: false, with_value: true, touches: true };
const GAT_KEY: Command = Command::Get { with_key: true, with_value: true, touches: true };

impl Opcode {
    /// By its number.
    pub(super) fn of(number: u8) -> Option<Self> {
        let (command, quiet) = match number {
            0x00 => (GET, false),
            0x01 => (Command::Store(Condition::Set), false),
            0x02 => (Command::Store(Condition::Add), false),
            0x03 => (Command::Store(Condition::Replace), false),
            0x04 => (Command::Delete, false),
            0x05 => (Command::Count { increment: true }, false),
            0x06 => (Command::Count { increment: false }, false),
            0x07 => (Command::Quit, false),
            0x08 => (Command::Flush, false),
            0x09 => (GET, true),
            0x0a => (Command::Noop, false),
            0x0b => (Command::Version, false),
            0x0c => (GET_KEY, false),
            0x0d => (GET_KEY, true),
            0x0e => (Command::Store(Condition::Append), false),
            0x0f => (Command::Store(Condition::Prepend), false),
            0x10 => (Command::Statistics, false),
            0x11 => (Command::Store(Condition::Set), true),
            0x12 => (Command::Store(Condition::Add), true),
            0x13 => (Command::Store(Condition::Replace), true),
            0x14 => (Command::Delete, true),
            0x15 => (Command::Count { increment: true }, true),
            0x16 => (Command::Count { increment: false }, true),
            0x17 => (Command::Quit, true),
            0x18 => (Command::Flush, true),
            0x19 => (Command::Store(Condition::Append), true),
            0x1a => (Command::Store(Condition::Prepend), true),
            0x1c => (TOUCH, false),
            0x1d => (GAT, false),
            0x1e => (GAT, true),
            0x23 => (GAT_KEY, false),
            0x24 => (GAT_KEY, true),
            _ => return None,
        };
        Some(Self { command, quiet })
    }

    /// Whether the request has the parts that the command needs, and no others.
    pub(super) fn fits(self, request: &Request) -> bool {
        let (extras, key) = (request.extras_len(), request.key_len());
        let value = request.body_len() - extras - key;
        match self.command {
            Command::Get { touches: false, .. } | Command::Delete => {
                extras == 0 && key > 0 && value == 0
            }
            Command::Get { touches: true, .. } => extras == 4 && key > 0,
            Command::Store(Condition::Append | Condition::Prepend) => extras == 0 && key > 0,
            Command::Store(_) => extras == 8 && key > 0,
            Command::Count { .. } => extras == 20 && key > 0 && value == 0,
            Command::Flush => matches!(extras, 0 | 4) && key == 0 && value == 0,
            Command::Statistics => extras == 0,
            Command::Quit | Command::Noop | Command::Version => request.body_len() == 0,
        }
    }
}
