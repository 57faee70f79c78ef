//! The table of locks and the kernel are asked the same, and must answer the same.

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::sys::stat::Mode as Permissions;
use proptest::prelude::*;
use std::os::fd::{AsRawFd, OwnedFd};
use store::ObjectId;
use store::locks::{Held, Locks, Mode, Owner, Range, Refused};

const FILE: ObjectId = ObjectId(2);
/// The last of them is this process; the others are open descriptions.
const OWNERS: usize = 5;
const READ: i16 = libc::F_RDLCK as i16;
const WRITE: i16 = libc::F_WRLCK as i16;
const UNLOCK: i16 = libc::F_UNLCK as i16;

#[derive(Debug, Clone)]
struct Step {
    who: usize,
    kind: i16,
    start: i64,
    length: i64,
    test: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop::sample::select(vec![READ, READ, WRITE, UNLOCK]);
    // Negative starts and lengths reach before the file, where both must refuse.
    (0..OWNERS, kind, -2..64_i64, -6..20_i64, any::<bool>())
        .prop_map(|(who, kind, start, length, test)| Step { who, kind, start, length, test })
}

fn asked(step: &Step) -> libc::flock {
    libc::flock {
        l_type: step.kind,
        l_whence: libc::SEEK_SET as i16,
        l_start: step.start,
        l_len: step.length,
        l_pid: 0,
    }
}

fn is_process(who: usize) -> bool {
    who == OWNERS - 1
}

fn owner(who: usize) -> Owner {
    if is_process(who) { Owner::Process(1) } else { Owner::Description(who as u64) }
}

/// What the kernel would have said for the table's answer: kind, start, length, process or not.
fn as_linux(held: Option<Held>) -> (i16, i64, i64, bool) {
    let Some(held) = held else { return (UNLOCK, 0, 0, false) };
    let kind = match held.mode {
        Mode::Shared => READ,
        Mode::Exclusive => WRITE,
    };
    let (start, length) = (held.range.start(), held.range.length());
    let process = matches!(held.owner, Owner::Process(_));
    (kind, start.cast_signed(), length.cast_signed(), process)
}

fn linux_tests(descriptor: &OwnedFd, who: usize, mut lock: libc::flock) -> (i16, i64, i64, bool) {
    let question = if is_process(who) {
        FcntlArg::F_GETLK(&mut lock)
    } else {
        FcntlArg::F_OFD_GETLK(&mut lock)
    };
    fcntl(descriptor, question).expect("the kernel always tells of locks");
    if lock.l_type == UNLOCK {
        return (UNLOCK, 0, 0, false);
    }
    (lock.l_type, lock.l_start, lock.l_len, lock.l_pid > 0)
}

fn linux_sets(descriptor: &OwnedFd, who: usize, lock: &libc::flock) -> bool {
    let request =
        if is_process(who) { FcntlArg::F_SETLK(lock) } else { FcntlArg::F_OFD_SETLK(lock) };
    match fcntl(descriptor, request) {
        Ok(_) => true,
        Err(nix::Error::EAGAIN | nix::Error::EACCES) => false,
        Err(error) => panic!("the kernel did not answer: {error}"),
    }
}

/// Several open descriptions of one file. It has no name, so nothing of it is left behind,
/// whatever happens; it is opened again by what /proc says that the first descriptor is.
fn descriptions() -> Vec<OwnedFd> {
    let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
    let first = open(&std::env::temp_dir(), flags, Permissions::S_IRUSR | Permissions::S_IWUSR)
        .expect("a file without a name in the folder for temporary files");
    let name = format!("/proc/self/fd/{}", first.as_raw_fd());
    let mut all = vec![first];
    for _ in 1..OWNERS {
        let again = open(name.as_str(), OFlag::O_RDWR | OFlag::O_CLOEXEC, Permissions::empty());
        all.push(again.expect("the same file once more"));
    }
    all
}

fn run(steps: &[Step]) {
    let descriptors = descriptions();
    let mut locks = Locks::new(10_000);
    for (number, step) in steps.iter().enumerate() {
        let (who, linux) = (owner(step.who), asked(step));
        let descriptor = &descriptors[step.who];
        let Ok(range) = Range::new(step.start, step.length) else {
            let refused = fcntl(descriptor, FcntlArg::F_OFD_SETLK(&linux));
            assert_eq!(refused, Err(nix::Error::EINVAL), "{number}: {step:?}");
            continue;
        };
        let mode = match step.kind {
            READ => Mode::Shared,
            WRITE => Mode::Exclusive,
            _ => {
                locks.release(FILE, who, range).expect("there is room for all of this");
                assert!(linux_sets(descriptor, step.who, &linux), "{number}: {step:?}");
                continue;
            }
        };
        if step.test {
            let ours = as_linux(locks.test(FILE, who, range, mode));
            assert_eq!(ours, linux_tests(descriptor, step.who, linux), "{number}: {step:?}");
        } else {
            let ours = match locks.set(FILE, who, range, mode) {
                Ok(_) => true,
                Err(Refused::Held { .. }) => false,
                Err(Refused::TooMany) => panic!("there is room for all of this"),
            };
            assert_eq!(ours, linux_sets(descriptor, step.who, &linux), "{number}: {step:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn both_grant_and_tell_the_same(steps in prop::collection::vec(step(), 1..300)) {
        run(&steps);
    }
}
