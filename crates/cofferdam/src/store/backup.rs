//! `cofferdam store backup` and `restore`: a store as one row of bytes, as encrypted as it is.

use super::exit::{Exit, Refused};
use super::init::{self, Made};
use super::options::{SecretOptions, StoreOptions, TrustedOptions};
use super::place;
use super::progress::Progress;
use super::secret::Held;
use super::session::Session;
use super::shown;
use super::troubles::Troubles;
use super::unnamed::{Unnamed, make_safe};
use crate::{Context, Failure};
use clap::Args;
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::backup::{Restored, Sink, Source, restore};
use store::host::{Place, SystemRandomness};
use store::keys::KeyArea;
use store::superblock::Superblock;
use store::{Error, Media};

/// What lies before the superblock of a backup.
const HEAD: usize = 32;
const BLOCK: usize = 4096;

/// Options of `backup`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// Where to write it; `-` for stdout
    file: PathBuf,
    /// Replace what is there
    #[arg(short, long)]
    force: bool,
}

/// Options of `restore`.
#[derive(Args, Debug)]
pub(crate) struct RestoreOptions {
    /// The backup; `-` for stdin
    backup: PathBuf,
    /// Where to make the store: a folder, or with --device a file or a block device
    store: PathBuf,
    /// In one file, which is made if it is not there, or on a block device
    #[arg(long)]
    device: bool,
    #[command(flatten)]
    trusted: TrustedOptions,
    #[command(flatten)]
    secret: SecretOptions,
}

/// Where a backup goes, and what the system said when it did not take it.
struct Writing<'a>(&'a mut dyn Write, Option<io::Error>);

impl Sink for Writing<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.0.write_all(bytes).map_err(|error| {
            self.1 = Some(error);
            Error::Invalid("the backup could not be written")
        })
    }
}

/// Where a backup comes from.
struct Reading<'a>(&'a mut dyn Read, Option<io::Error>);

impl Source for Reading<'_> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Error> {
        self.0.read_exact(into).map_err(|error| {
            if error.kind() == ErrorKind::UnexpectedEof {
                return Error::BackupShort;
            }
            self.1 = Some(error);
            Error::Invalid("the backup could not be read")
        })
    }
}

/// Makes one of the last commit.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut session = Session::read(&options.store)?;
    let path = &options.file;
    let failed = |error: &io::Error| Failure::from(Refused::outside("writing", path, error));
    let progress = Progress::begin("backup", None, context);
    if path == Path::new("-") {
        let progress = progress.beside_stdout();
        let mut stdout = io::stdout().lock();
        let saved = save(&mut session, &mut stdout, &failed, (progress, context))?;
        stdout.flush().map_err(|error| failed(&error))?;
        return saved.end();
    }
    if !options.force && fs::symlink_metadata(path).is_ok() {
        return Err(failed(&ErrorKind::AlreadyExists.into()));
    }
    let mut new = Unnamed::make(path).map_err(|error| failed(&error))?;
    let troubles = save(&mut session, &mut new.file, &failed, (progress, context))?;
    new.file.sync_all().map_err(|error| failed(&error))?;
    new.take_place(path, options.force)?;
    make_safe(path).map_err(|error| failed(&error))?;
    troubles.end()
}

fn save(
    session: &mut Session,
    to: &mut dyn Write,
    failed: &dyn Fn(&io::Error) -> Failure,
    (mut progress, context): (Progress, &Context),
) -> Result<Troubles, Failure> {
    let mut writing = Writing(to, None);
    let (mut done, mut ended) = (0, None);
    let saved = session.store().save(&mut writing, &mut |now| {
        progress.set_total(now.all.saturating_mul(4096));
        let more = now.done.saturating_sub(done);
        done = now.done;
        ended = progress.add(more.saturating_mul(4096)).err();
        ended.is_none()
    });
    if let Some(failure) = ended {
        return Err(failure);
    }
    if let Some(error) = writing.1 {
        return Err(failed(&error));
    }
    let saved = saved.map_err(|error| session.about(b"", &error))?;
    let mut troubles = Troubles::none(context);
    for damage in saved.damages {
        let failure = session.about(b"", &Error::Damaged(damage));
        troubles.bear(failure, &mut progress)?;
    }
    Ok(troubles)
}

/// Makes a store of one.
pub(crate) fn run_restore(options: &RestoreOptions, context: &Context) -> Result<(), Failure> {
    let path = &options.backup;
    let failed = |error: &io::Error| Failure::from(Refused::outside("reading", path, error));
    let refused = |error: &Error| Failure::from(Refused::about(shown::path(path), error));
    let mut from: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| failed(&error))?)
    };
    // Whose it is, and what opens it, stands at its beginning.
    let mut head = vec![0; HEAD + BLOCK + store::keys::KEY_AREA_BYTES];
    from.read_exact(&mut head).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => refused(&Error::NotABackup),
        _ => failed(&error),
    })?;
    if !head.starts_with(b"cofferdam backup") {
        return Err(refused(&Error::NotABackup));
    }
    let (block, area) = head.split_at(HEAD + BLOCK);
    let block = block.last_chunk().ok_or_else(|| refused(&Error::NotABackup))?;
    let identity = Superblock::decode(block).map_err(|error| refused(&error))?.identity;
    let slots = KeyArea::decode(area).map_err(|error| refused(&error))?.slots();
    let places = place::folder(&options.trusted)?;
    let secret = if let Some(secret) = Held::named(&options.secret)? {
        secret
    } else {
        let usual = places.find(identity)?.and_then(|place| place.key_file);
        let usual = usual.or_else(|| Some(places.key_file(identity)).filter(|key| key.exists()));
        Held::usual(usual.as_deref(), &slots, path)?
    };
    let seal_at = options.trusted.seal.clone().unwrap_or_else(|| init::new_name(&places, "seal"));
    let mut made = Made::default();
    let medium = init::medium(&options.store, options.device, &mut made)?;
    let seal = init::seal(&seal_at, &mut made)?;
    let media = Media { store: Arc::from(medium), seal: Arc::new(seal) };
    let mut progress = Progress::begin("restore", None, context);
    let mut whole = head.as_slice().chain(from);
    let mut reading = Reading(&mut whole, None);
    let (mut done, mut ended) = (0, None);
    let mut randomness = SystemRandomness::new()?;
    let restored =
        restore(&mut reading, &media, &secret.secret(), &mut randomness, &mut |blocks| {
            ended = progress.add(blocks.saturating_sub(done).saturating_mul(4096)).err();
            done = blocks;
            ended.is_none()
        });
    if let Some(failure) = ended {
        return Err(failure);
    }
    if let Some(error) = reading.1 {
        return Err(failed(&error));
    }
    let Restored { of, identity, commit } = restored.map_err(|error| refused(&error))?;
    drop(progress);
    // Only now is it known what it is called.
    let seal_to = options.trusted.seal.is_none().then(|| places.seal(identity));
    let seal_at = init::settle(&seal_at, seal_to, &mut made)?;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or(path.into());
    let place = Place {
        store: absolute(&options.store),
        seal: absolute(&seal_at),
        key_file: secret.key_file().map(Path::to_path_buf),
        commit: Some(commit),
    };
    places.remember(identity, &place)?;
    made.keep();
    let (store, seal) = (shown::path(&place.store), shown::path(&place.seal));
    let text = if context.json {
        let mut told = Map::new();
        told.insert("identity".into(), identity.to_string().into());
        told.insert("backup_of".into(), of.to_string().into());
        told.insert("commit".into(), commit.into());
        shown::put_path(&mut told, "store", &place.store);
        shown::put_path(&mut told, "seal", &place.seal);
        Value::Object(told).to_string()
    } else {
        format!("store    {store}\nseal     {seal}\n\nIt is as it was at commit {commit}.")
    };
    crate::stdout::print(format!("{text}\n").as_bytes())
}

/// The number of what a backup says.
pub(super) fn exit(error: &Error) -> Option<Exit> {
    Some(match error {
        Error::NotABackup => Exit::NotAStore,
        Error::BackupShort | Error::BackupDamaged => Exit::Damaged,
        Error::Interrupted => Exit::Interrupted,
        _ => return None,
    })
}
