//! The table against the simplest thing that could be right: for each byte and owner, which mode.

use super::*;
use proptest::prelude::*;

const BYTES: usize = 64;
const OWNERS: usize = 8;

fn owner(number: usize) -> Owner {
    match number {
        0..3 => Process(number as u64),
        3..6 => Description(number as u64 - 3),
        _ => Flock(number as u64),
    }
}

struct Model {
    held: [[Option<Mode>; BYTES]; OWNERS],
}

impl Model {
    fn new() -> Self {
        Self { held: [[None; BYTES]; OWNERS] }
    }

    fn span(who: usize, start: usize, length: usize) -> core::ops::Range<usize> {
        if who >= 6 { 0..BYTES } else { start..(start + length).min(BYTES) }
    }

    fn free(&self, who: usize, bytes: core::ops::Range<usize>, mode: Mode) -> bool {
        (0..OWNERS).filter(|other| *other != who && (*other >= 6) == (who >= 6)).all(|other| {
            self.held[other][bytes.clone()].iter().all(|held| match held {
                None => true,
                Some(held) => *held == Shared && mode == Shared,
            })
        })
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(usize, usize, usize, bool),
    Release(usize, usize, usize),
    ReleaseAll(usize),
    Wait(usize, usize, usize, bool),
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let place = || (0..OWNERS, 0..BYTES, 1..24_usize);
    prop_oneof![
        8 => (place(), any::<bool>()).prop_map(|((o, s, l), x)| Step::Set(o, s, l, x)),
        4 => place().prop_map(|(o, s, l)| Step::Release(o, s, l)),
        1 => (0..OWNERS).prop_map(Step::ReleaseAll),
        4 => (place(), any::<bool>()).prop_map(|((o, s, l), x)| Step::Wait(o, s, l, x)),
        1 => (0..8_usize).prop_map(Step::Cancel),
    ]
}

fn mode(exclusive: bool) -> Mode {
    if exclusive { Exclusive } else { Shared }
}

fn range(start: usize, length: usize) -> Range {
    let end = (start + length).min(BYTES);
    bytes(start.cast_signed() as i64, (end - start).cast_signed() as i64)
}

/// What is waited for: by whom, where, how.
type Wants = Vec<(Waiter, usize, core::ops::Range<usize>, Mode)>;

/// Checks that the table woke exactly whom it should have, in an order in which each was free.
fn woken(model: &mut Model, wants: &mut Wants, woken: Vec<Woken>) {
    for Woken { waiter, outcome } in woken {
        assert_eq!(outcome, Ok(()), "there is room for all of this");
        let at = wants.iter().position(|want| want.0 == waiter).expect("somebody who waits");
        let (_, who, bytes, mode) = wants.remove(at);
        assert!(model.free(who, bytes.clone(), mode), "{who} was given what is not free");
        model.held[who][bytes].fill(Some(mode));
    }
    for (_, who, bytes, mode) in wants {
        assert!(!model.free(*who, bytes.clone(), *mode), "{who} still waits for what is free");
    }
}

fn run(steps: Vec<Step>) {
    let (mut locks, mut model, mut wants) = (Locks::new(10_000), Model::new(), Wants::new());
    for step in steps {
        match step {
            Step::Set(who, start, length, exclusive) => {
                let (mode, span) = (mode(exclusive), Model::span(who, start, length));
                let free = model.free(who, span.clone(), mode);
                let test = locks.test(FILE, owner(who), range(start, length), mode);
                assert_eq!(test.is_none(), free, "test of {who} {span:?}");
                match locks.set(FILE, owner(who), range(start, length), mode) {
                    Ok(list) => {
                        assert!(free, "{who} was given {span:?}, which is not free");
                        model.held[who][span].fill(Some(mode));
                        woken(&mut model, &mut wants, list);
                    }
                    Err(Refused::Held { by, woken: list }) => {
                        assert!(!free, "{who} was refused {span:?}, which is free");
                        assert_eq!(Some(by), test);
                        if who >= 6 {
                            model.held[who].fill(None);
                        }
                        woken(&mut model, &mut wants, list);
                    }
                    Err(Refused::TooMany) => panic!("there is room for all of this"),
                }
            }
            Step::Release(who, start, length) => {
                let list = locks.release(FILE, owner(who), range(start, length)).unwrap();
                model.held[who][Model::span(who, start, length)].fill(None);
                woken(&mut model, &mut wants, list);
            }
            Step::ReleaseAll(who) => {
                let list = locks.release_all(FILE, owner(who));
                model.held[who].fill(None);
                woken(&mut model, &mut wants, list);
            }
            Step::Wait(who, start, length, exclusive) => {
                let (mode, span) = (mode(exclusive), Model::span(who, start, length));
                if model.free(who, span.clone(), mode) || wants.len() > 12 {
                    continue;
                }
                match locks.wait(owner(who), FILE, range(start, length), mode) {
                    Ok(waiter) => wants.push((waiter, who, span, mode)),
                    Err(error) => {
                        assert_eq!(error, Error::Deadlock);
                        assert!(who < 3, "only processes are told of a deadlock");
                        assert!(!wants.is_empty(), "nobody waits, so nobody waits for {who}");
                    }
                }
            }
            Step::Cancel(which) => {
                if which < wants.len() {
                    assert!(locks.cancel(wants.remove(which).0));
                }
            }
        }
        same(&locks, &model);
    }
}

/// Every byte, asked for by somebody who has nothing, is as free as the model says; and the number
/// of records is that of the runs of bytes of one mode.
fn same(locks: &Locks, model: &Model) {
    for byte in 0..BYTES {
        for mode in [Shared, Exclusive] {
            for (flock, stranger) in [(false, Process(99)), (true, Flock(99))] {
                let holders = if flock { 6..OWNERS } else { 0..6 };
                let free = holders.into_iter().all(|who| match model.held[who][byte] {
                    None => true,
                    Some(held) => held == Shared && mode == Shared,
                });
                let answer = locks.test(FILE, stranger, range(byte, 1), mode);
                assert_eq!(answer.is_none(), free, "byte {byte}, {mode:?}, {stranger:?}");
            }
        }
    }
    let runs = |held: &[Option<Mode>; BYTES]| {
        let begins = |at: &usize| held[*at].is_some() && (*at == 0 || held[at - 1] != held[*at]);
        (0..BYTES).filter(begins).count()
    };
    assert_eq!(locks.records, model.held.iter().map(runs).sum::<usize>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn long_sequences_agree_with_the_model(steps in prop::collection::vec(step(), 1..400)) {
        run(steps);
    }
}
