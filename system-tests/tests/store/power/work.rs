//! Threads that change their files in one store and make them safe, and what they know of it.

use super::disk::Log;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use store::host::Volume;
use store::simulation::Dice;
use store::{Change, Error, Kind, Make, ObjectId, Store, Taken, Time};

/// Files of each thread.
const FILES: usize = 4;
/// The longest that a file gets, so that what it was is not too much to remember.
const LONGEST: usize = 60_000;

/// The files of one thread, by their names.
pub(super) type Files = BTreeMap<String, Arc<Vec<u8>>>;

/// What one thread's files were, one state after the other.
pub(super) struct Line {
    directory: String,
    states: Vec<Files>,
    /// How much the disk had been told when which state was safe at the latest.
    safe: Vec<(usize, usize)>,
}

fn make(kind: Kind) -> Make {
    Make { kind, permissions: 0o700, user: 0, group: 0, device: 0 }
}

/// Has so many threads change the store, each of them so often.
pub(super) fn work(volume: &Volume, log: &Log, threads: usize, steps: usize) -> Vec<Line> {
    let directories: Vec<_> = (0..threads)
        .map(|number| {
            let name = format!("of thread {number}");
            let made = volume.make(ObjectId::ROOT, name.as_bytes(), &make(Kind::Directory), now());
            (name, made.unwrap().object)
        })
        .collect();
    volume.sync().unwrap();
    let begin = log.length();
    thread::scope(|scope| {
        let threads: Vec<_> = directories
            .into_iter()
            .enumerate()
            .map(|(number, (name, object))| {
                let line =
                    Line { directory: name, states: vec![Files::new()], safe: vec![(begin, 0)] };
                scope.spawn(move || line.work(volume, log, object, steps, Dice(number as u64)))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn now() -> Time {
    Time::default()
}

impl Line {
    fn work(
        mut self,
        volume: &Volume,
        log: &Log,
        directory: ObjectId,
        steps: usize,
        mut dice: Dice,
    ) -> Self {
        for _ in 0..steps {
            let mut files = self.states.last().cloned().unwrap_or_default();
            step(volume, directory, &mut files, &mut dice);
            self.states.push(files);
            if dice.below(3) > 0 {
                volume.sync().unwrap();
                self.safe.push((log.length(), self.states.len() - 1));
            }
        }
        self
    }

    /// How much the disk had been told when this began.
    pub(super) fn begin(&self) -> usize {
        self.safe.first().map_or(0, |(told, _)| *told)
    }

    /// How much the disk had been told whenever something was acknowledged.
    pub(super) fn safe(&self) -> impl Iterator<Item = usize> {
        self.safe.iter().map(|(told, _)| *told)
    }

    /// What is wrong with its files in a store whose disk had been told so much when it was cut.
    pub(super) fn check(&self, store: &mut Store, point: usize) -> Result<(), String> {
        let found = self.found(store).map_err(|error| format!("{}: {error}", self.directory))?;
        let safe = self.safe.iter().rev().find(|(told, _)| *told <= point);
        let at_least = safe.map_or(0, |(_, state)| *state);
        if self.states.iter().skip(at_least).any(|state| *state == found) {
            return Ok(());
        }
        let earlier = self.states.iter().position(|state| *state == found);
        let found: Vec<_> = found.iter().map(|(name, bytes)| (name, bytes.len())).collect();
        Err(match earlier {
            Some(state) => {
                format!("{}: state {state}, though {at_least} had been made safe", self.directory)
            }
            None => format!("{}: what never was: {found:?}", self.directory),
        })
    }

    fn found(&self, store: &mut Store) -> Result<Files, Error> {
        let directory = store.resolve(self.directory.as_bytes())?.object;
        let mut names = Vec::new();
        store.list(directory, 0, &mut |entry| {
            names.push(entry.name.clone());
            true
        })?;
        let mut files = Files::new();
        for name in names {
            let about = store.lookup(directory, &name)?;
            let mut bytes = vec![0; about.size as usize];
            let length = store.read(about.object, 0, &mut bytes)?;
            bytes.truncate(length);
            files.insert(String::from_utf8_lossy(&name).into_owned(), Arc::new(bytes));
        }
        Ok(files)
    }
}

/// One change, in the store and in what is known of it.
fn step(volume: &Volume, directory: ObjectId, files: &mut Files, dice: &mut Dice) {
    let name = |dice: &mut Dice| format!("file {}", dice.below(FILES));
    let (one, other) = (name(dice), name(dice));
    let there = files.get(&one).cloned();
    match (dice.below(10), there) {
        (0, Some(contents)) if one != other => {
            let (from, to) = (one.as_bytes(), other.as_bytes());
            volume.rename(directory, from, directory, to, Taken::Replace, now()).unwrap();
            files.remove(&one);
            files.insert(other, contents);
        }
        (1, Some(_)) => {
            volume.unlink(directory, one.as_bytes(), now()).unwrap();
            files.remove(&one);
        }
        (2, Some(contents)) => {
            let size = dice.below(contents.len() + 1);
            let object = volume.lookup(directory, one.as_bytes()).unwrap().object;
            let change = Change { size: Some(size as u64), ..Change::default() };
            volume.change(object, &change, now()).unwrap();
            files.insert(one, Arc::new(contents[..size].to_vec()));
        }
        (_, Some(contents)) => {
            let object = volume.lookup(directory, one.as_bytes()).unwrap().object;
            let at = dice.below((contents.len() + 5_000).min(LONGEST));
            let length = 1 + dice.below(9_000);
            let bytes = dice.bytes(length);
            volume.write(object, at as u64, &bytes, now()).unwrap();
            let mut contents = Vec::clone(&contents);
            contents.resize(contents.len().max(at + bytes.len()), 0);
            contents[at..at + bytes.len()].copy_from_slice(&bytes);
            files.insert(one, Arc::new(contents));
        }
        (_, None) => {
            volume.make(directory, one.as_bytes(), &make(Kind::File), now()).unwrap();
            files.insert(one, Arc::default());
        }
    }
}
