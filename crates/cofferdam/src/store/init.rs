//! `cofferdam store init`: makes a store, its seal and its first key.
//!
//! What was made is taken away again if it cannot be finished; nothing that was there before is
//! ever touched.

use super::exit::{Exit, Refused};
use super::new_key::{self, NewKeyOptions};
use super::options::{SecretOptions, TrustedOptions};
use super::place;
use super::secret::Held;
use super::session::{memory, now, usage};
use super::shown;
use crate::{Context, Failure};
use clap::Args;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::host::{Access, Device, Place, Places, Segments, SystemRandomness};
use store::keys::{NewSlot, RecoveryKey};
use store::medium::Medium;
use store::seal::SEAL_BYTES;
use store::{Identity, Media, Store};

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Where to make it: a folder, or with --device a file or a block device
    pub(super) store: PathBuf,
    /// In one file, which is made if it is not there, or on a block device
    #[arg(long)]
    pub(super) device: bool,
    /// Add a recovery key, which is printed once, to be written down
    #[arg(long)]
    pub(super) recovery_key: bool,
    #[command(flatten)]
    pub(super) trusted: TrustedOptions,
    #[command(flatten)]
    pub(super) secret: SecretOptions,
    #[command(flatten)]
    pub(super) new: NewKeyOptions,
}

/// Files and folders that were made, to be taken away unless all goes well.
#[derive(Default)]
pub(super) struct Made(Vec<PathBuf>);

impl Made {
    /// All went well.
    pub(super) fn keep(mut self) {
        self.0.clear();
    }

    /// It did not, and the store was open: its seal's lock goes, too.
    pub(super) fn with_lock_of(mut self, seal: &Path) {
        let mut lock = seal.as_os_str().to_owned();
        lock.push(".lock");
        self.0.push(lock.into());
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            if path.ends_with(SEGMENT)
                && let Some(folder) = path.parent()
            {
                remove_segments(folder);
            }
            // A folder goes only if nothing else is in it.
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
    }
}

/// The first segment; nothing is made where there is one.
const SEGMENT: &str = "segment-000000";

/// The segments after the first: a store that grew before it failed has some.
fn remove_segments(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("segment-") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A store that was made. Unless `made` is kept, it is taken away again.
pub(super) struct New {
    pub(super) identity: Identity,
    pub(super) place: Place,
    pub(super) places: Places,
    pub(super) key: Held,
    pub(super) recovery: Option<RecoveryKey>,
    pub(super) made: Made,
}

/// Makes it, and says so.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let New { identity, place, places, recovery, made, .. } = make(options)?;
    places.remember(identity, &place)?;
    made.keep();
    tell(identity, &place, recovery.as_ref(), None, context)
}

/// Makes it.
pub(super) fn make(options: &Options) -> Result<New, Failure> {
    let places = place::folder(&options.trusted)?;
    let mut randomness = SystemRandomness::new()?;
    let mut made = Made::default();
    let medium = medium(&options.store, options.device, &mut made)?;
    let seal_at = options.trusted.seal.clone().unwrap_or_else(|| new_name(&places, "seal"));
    let seal = seal(&seal_at, &mut made)?;
    let (key, key_at) = first_key(options, &places, &mut randomness, &mut made)?;
    let owner = super::put::owner();
    let refused =
        |error: &store::Error| Failure::from(Refused::about(shown::path(&options.store), error));
    let mut store = Store::create(
        Media { store: Arc::from(medium), seal: Arc::new(seal) },
        &options.new.slot(&key),
        memory(options.trusted.cache)?,
        owner,
        now(),
        &mut randomness,
    )
    .map_err(|error| refused(&error))?;
    let recovery = options.recovery_key.then(|| RecoveryKey::draw(&mut randomness));
    if let Some(recovery) = &recovery {
        let secret = store::keys::Secret::Recovery(recovery);
        let slot = NewSlot { secret, label: "", ..options.new.slot(&key) };
        let added = store.change_keys(&mut randomness, |keys, random| keys.add(&slot, random));
        added.map_err(|error| refused(&error))?;
    }
    store.finish(now(), false).map_err(|error| refused(&error))?;
    let identity = store.keys().identity();
    // Only now is it known whose they are.
    let seal_at =
        settle(&seal_at, options.trusted.seal.is_none().then(|| places.seal(identity)), &mut made)?;
    let default_key = (key_at.is_some() && options.secret.key_file.is_none()).then(|| {
        if is_file(&seal_at) { seal_at.with_extension("key") } else { places.key_file(identity) }
    });
    let key_at = key_at.map(|path| settle(&path, default_key, &mut made)).transpose()?;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or(path.into());
    let place = Place {
        store: absolute(&options.store),
        seal: absolute(&seal_at),
        key_file: key_at.as_deref().map(absolute),
        commit: Some(store.commit_number()),
    };
    // It has another place now.
    let key = match key {
        Held::KeyFile(bytes, _) => Held::KeyFile(bytes, place.key_file.clone()),
        key => key,
    };
    Ok(New { identity, place, places, key, recovery, made })
}

/// What a seal or key file is called until it is known whose it is.
pub(super) fn new_name(places: &Places, kind: &str) -> PathBuf {
    places.folder().join(format!(".new-{}.{kind}", std::process::id()))
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.is_file())
}

/// Gives what was made its last name, if it is to have another.
pub(super) fn settle(
    from: &Path,
    to: Option<PathBuf>,
    made: &mut Made,
) -> Result<PathBuf, Failure> {
    let Some(to) = to else { return Ok(from.into()) };
    if fs::symlink_metadata(&to).is_ok() {
        let text = format!("{}: it is there already; move it away", shown::path(&to));
        return Err(Refused::new(Exit::Taken, text).into());
    }
    let renamed = fs::rename(from, &to).and_then(|()| super::unnamed::make_safe(&to));
    renamed.map_err(|error| Refused::outside("writing", &to, &error))?;
    made.0.push(to.clone());
    Ok(to)
}

/// What a new store is to lie on.
pub(super) fn medium(
    path: &Path,
    device: bool,
    made: &mut Made,
) -> Result<Box<dyn Medium>, Failure> {
    let there = fs::metadata(path).ok();
    if !device {
        if there.as_ref().is_some_and(|about| !about.is_dir()) {
            return Err(usage(format!(
                "{} is no folder; add --device to make the store on it",
                shown::path(path)
            )));
        }
        let segments = Segments::create(path)?;
        if there.is_none() {
            made.0.push(path.into());
        }
        made.0.push(path.join(SEGMENT));
        return Ok(Box::new(segments));
    }
    match there {
        None => {
            let device = Device::create(path, 0)?;
            made.0.push(path.into());
            Ok(Box::new(device))
        }
        Some(about) if about.is_dir() => {
            Err(usage(format!("{} is a folder; leave --device out", shown::path(path))))
        }
        Some(_) => {
            let device = Device::open(path, Access::Write)?;
            refuse_if_used(path, &device)?;
            Ok(Box::new(device))
        }
    }
}

/// What has anything in its first MiB is somebody's.
fn refuse_if_used(path: &Path, device: &Device) -> Result<(), Failure> {
    let length = usize::try_from(device.size().min(1 << 20)).unwrap_or(1 << 20);
    let mut bytes = vec![0; length];
    let read = device.read(0, &mut bytes);
    if read.is_ok() && bytes.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    let text = format!(
        "{}: there is something on it, and nothing is overwritten; take an empty one, or wipe its \
         first MiB",
        shown::path(path)
    );
    Err(Refused::new(Exit::Taken, text).into())
}

/// The new seal.
pub(super) fn seal(path: &Path, made: &mut Made) -> Result<Device, Failure> {
    if fs::metadata(path).is_ok_and(|about| about.file_type().is_block_device()) {
        let device = Device::open(path, Access::Write)?;
        refuse_if_used(path, &device)?;
        return Ok(device);
    }
    let device = Device::create(path, SEAL_BYTES)?;
    made.0.push(path.into());
    Ok(device)
}

/// What is to open it first, and where its file is if it has one.
fn first_key(
    options: &Options,
    places: &Places,
    randomness: &mut SystemRandomness,
    made: &mut Made,
) -> Result<(Held, Option<PathBuf>), Failure> {
    let secret = &options.secret;
    if secret.recovery_key_fd.is_some() {
        return Err(usage("a new store has a recovery key of its own: --recovery-key prints it"));
    }
    if secret.passphrase {
        return Ok((Held::new_passphrase()?, None));
    }
    let path = match &secret.key_file {
        Some(path) => path.clone(),
        None => match Held::named(secret)? {
            Some(key) => return Ok((key, None)),
            None => new_name(places, "key"),
        },
    };
    let (key, new) = new_key::file(&path, randomness)?;
    if new {
        made.0.push(path.clone());
    }
    Ok((key, Some(path)))
}

/// Says what was made; in JSON with more about it.
pub(super) fn tell(
    identity: Identity,
    place: &Place,
    recovery: Option<&RecoveryKey>,
    more: Option<Value>,
    context: &Context,
) -> Result<(), Failure> {
    let recovery = recovery.map(RecoveryKey::text);
    let text = if context.json {
        let mut told = Map::new();
        told.insert("identity".into(), identity.to_string().into());
        shown::put_path(&mut told, "store", &place.store);
        shown::put_path(&mut told, "seal", &place.seal);
        match &place.key_file {
            Some(path) => shown::put_path(&mut told, "key_file", path),
            None => drop(told.insert("key_file".into(), Value::Null)),
        }
        if let Some(Value::Object(more)) = more {
            told.extend(more);
        }
        if let Some(text) = &recovery {
            told.insert("recovery_key".into(), text.as_str().into());
        }
        format!("{}\n", Value::Object(told))
    } else {
        let mut text = format!(
            "store    {}\nseal     {}\n",
            shown::path(&place.store),
            shown::path(&place.seal)
        );
        if let Some(path) = &place.key_file {
            let _ = writeln!(text, "key      {}", shown::path(path));
        }
        if let Some(recovery) = &recovery {
            let _ = writeln!(text, "recovery {}", recovery.as_str());
        }
        text += "\nThe store may lie anywhere. Keep the seal where nobody else can change it, and the \
                 key where\nnobody else can read it: without a key nobody can ever read the store \
                 again.\n";
        if recovery.is_some() {
            text += "The recovery key opens it too. Write it down; it is not shown again.\n";
        }
        text
    };
    crate::stdout::print(text.as_bytes())
}
