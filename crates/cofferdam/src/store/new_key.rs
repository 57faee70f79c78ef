//! A key that is about to open a store: made, read or asked for.

use super::options::size;
use super::secret::Held;
use crate::Failure;
use clap::Args;
use serde_json::{Value, json};
use std::path::Path;
use store::host::{SystemRandomness, key_file};
use store::keys::{NewSlot, Settings, SlotInfo, SlotKind};

/// How much work a passphrase is to be, and what a key is called.
#[derive(Args, Clone, Debug)]
pub(crate) struct NewKeyOptions {
    /// What to call it, so that it is known again in a list
    #[arg(long, help_heading = "New key", value_name = "TEXT", default_value = "")]
    pub(crate) label: String,
    /// Memory that turning a passphrase into a key takes (argon2id)
    #[arg(long, help_heading = "New key", value_name = "SIZE", default_value = "256M", value_parser = size)]
    argon2_memory: u64,
    /// How often it goes through that memory
    #[arg(long, help_heading = "New key", value_name = "COUNT", default_value_t = Settings::INTERACTIVE.passes)]
    argon2_passes: u32,
}

impl NewKeyOptions {
    /// The slot for that key.
    pub(super) fn slot<'a>(&'a self, key: &'a Held) -> NewSlot<'a> {
        let memory = u32::try_from(self.argon2_memory / 1024).unwrap_or(u32::MAX);
        let settings = Settings { memory, passes: self.argon2_passes, lanes: 1 };
        let made = super::session::now().seconds;
        NewSlot { secret: key.secret(), label: &self.label, settings, made }
    }
}

/// A key file: the one that is there, or a new one. Says whether it was made.
pub(super) fn file(
    path: &Path,
    randomness: &mut SystemRandomness,
) -> Result<(Held, bool), Failure> {
    if path.exists() {
        return Ok((Held::from_file(path)?, false));
    }
    let secret = key_file::make(path, randomness)?;
    Ok((Held::KeyFile(secret, Some(std::path::absolute(path).unwrap_or(path.into()))), true))
}

/// The word for what a slot holds.
pub(super) fn kind(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Passphrase(_) => "passphrase",
        SlotKind::KeyFile => "key file",
        SlotKind::Recovery => "recovery key",
        SlotKind::Damaged => "damaged",
    }
}

/// A slot in a sentence.
pub(super) fn sentence(slot: &SlotInfo) -> String {
    let label = super::shown::safe(slot.label.as_bytes());
    let named = if label.is_empty() { String::new() } else { format!(" “{label}”") };
    format!("{} ({}{named})", slot.index, kind(slot.kind))
}

/// A slot for JSON.
pub(super) fn json(slot: &SlotInfo) -> Value {
    let mut value = json!({
        "number": slot.index, "kind": kind(slot.kind), "label": slot.label,
        "made": store::host::readable(slot.made),
    });
    if let SlotKind::Passphrase(Settings { memory, passes, lanes }) = slot.kind {
        value["argon2id"] = json!({ "kibibytes": memory, "passes": passes, "lanes": lanes });
    }
    value
}
