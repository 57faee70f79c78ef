//! A store against a map, with memory so small that everything that can happen does.

use super::*;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use proptest::prelude::*;

const NOW: Time = Time(1_700_000_000);

/// Checks everything that must hold between table, arena and counters.
fn audit(store: &Store) {
    let (mut entries, mut bytes) = (0, 0);
    for page in 0..store.arena.page_count() as u32 {
        for position in store.arena.chunks(page) {
            let header = store.arena.header(position);
            match header.state() {
                State::Entry => {
                    entries += 1;
                    bytes += Header::LEN + header.key_len() + header.value_len();
                    let hash = Hash::from_number(header.hash());
                    let key = store.arena.bytes_of(position, 0, header.key_len());
                    assert_eq!(hash, Hash::of(key));
                    assert!(store.table.find(hash, |there| there == position).is_some());
                }
                State::Further => {
                    let first = store.arena.header(header.back());
                    assert_eq!(first.state(), State::Entry, "further chunks have an owner");
                }
                State::Held => panic!("nothing is held between two operations"),
                State::Free => {}
            }
        }
    }
    assert_eq!(entries, store.counters.entries, "every entry is counted once");
    assert_eq!(bytes as u64, store.counters.bytes);
    assert!(store.bytes() <= store.limit());
    assert!(entries as usize <= store.capacity());
}

#[derive(Clone, Debug)]
enum Step {
    Write(Condition, u16, Vec<u8>, i64),
    Get(u16),
    Delete(u16),
    Count(u16, u64),
    Flush,
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let condition = prop::sample::select(alloc::vec![
        Condition::Set,
        Condition::Set,
        Condition::Set,
        Condition::Add,
        Condition::Replace,
        Condition::Append,
        Condition::Prepend,
    ]);
    let len = prop_oneof![
        20 => 0_usize..200,
        5 => 0_usize..20_000,
        2 => 0_usize..200_000,
        1 => 1_000_000_usize..1_060_000,
    ];
    let value = (len, any::<u8>()).prop_map(|(len, seed)| {
        (0..len).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed)).collect::<Vec<u8>>()
    });
    let expiry = prop_oneof![6 => Just(0_i64), 1 => Just(-1), 2 => 1_i64..20];
    let key = 0_u16..200;
    prop_oneof![
        30 => (condition, key.clone(), value, expiry)
            .prop_map(|(condition, key, value, expiry)| Step::Write(condition, key, value, expiry)),
        20 => key.clone().prop_map(Step::Get),
        5 => key.clone().prop_map(Step::Delete),
        5 => (key, any::<u64>()).prop_map(|(key, delta)| Step::Count(key, delta)),
        1 => Just(Step::Flush),
        2 => (0_u32..10).prop_map(Step::Wait),
    ]
}

/// What the model knows of a key: its value and when it is over.
type Model = BTreeMap<u16, (Vec<u8>, u32)>;

/// The expiry that the model goes by.
fn over(expiry: i64, now: Time) -> u32 {
    match expiry {
        0 => u32::MAX,
        ..0 => 0,
        _ => now.0 + u32::try_from(expiry).unwrap(),
    }
}

fn apply(store: &mut Store, model: &mut Model, now: &mut Time, step: &Step, may_forget: bool) {
    let name = |key: u16| alloc::format!("key-{key}-{}", "x".repeat(usize::from(key)));
    model.retain(|_, (_, over)| *over > now.0);
    let check = |store: &mut Store, model: &mut Model, key: u16, now: Time| {
        let text = name(key);
        let found = store.get(Key::new(text.as_bytes()).unwrap(), now);
        let value = found.map(|entry| entry.value().flatten().copied().collect::<Vec<u8>>());
        match (model.get(&key), value) {
            (known, None) => {
                assert!(known.is_none() || may_forget, "{key} was forgotten");
                model.remove(&key);
            }
            (Some((known, _)), Some(value)) => assert!(*known == value, "{key} has another value"),
            (None, Some(_)) => panic!("{key} came from nowhere"),
        }
    };
    match step {
        Step::Get(key) => check(store, model, *key, *now),
        Step::Wait(seconds) => now.0 += seconds,
        Step::Flush => {
            store.flush(0, *now);
            model.clear();
        }
        Step::Delete(key) => {
            let text = name(*key);
            let deleted = store.delete(Key::new(text.as_bytes()).unwrap(), 0, *now);
            let known = model.remove(key).is_some();
            assert!(deleted == Stored::NotFound || known);
            assert!(deleted != Stored::NotFound || !known || may_forget);
        }
        Step::Count(key, delta) => {
            check(store, model, *key, *now);
            let text = name(*key);
            let arithmetic = Arithmetic { increment: true, delta: *delta, cas: 0 };
            let counted = store.count(Key::new(text.as_bytes()).unwrap(), arithmetic, *now);
            match counted {
                Counted::Value { value, .. } => {
                    let (known, _) = model.get_mut(key).unwrap();
                    let mut text = alloc::format!("{value}").into_bytes();
                    text.resize(text.len().max(known.len()), b' ');
                    *known = text;
                }
                Counted::NotFound => assert!(!model.contains_key(key)),
                Counted::NonNumeric => assert!(model.contains_key(key)),
                counted => assert_eq!(counted, Counted::NoMemory),
            }
        }
        Step::Write(condition, key, value, expiry) => {
            check(store, model, *key, *now);
            let text = name(*key);
            let write = Write { condition: *condition, flags: 0, expiry: *expiry, cas: 0, value };
            let stored = store.write(Key::new(text.as_bytes()).unwrap(), &write, *now);
            let known = model.get(key).map(|(value, over)| (value.clone(), *over));
            match (stored, condition, known) {
                (Stored::Stored(_), Condition::Append, Some((known, over))) => {
                    model.insert(*key, ([&known, &value[..]].concat(), over));
                }
                (Stored::Stored(_), Condition::Prepend, Some((known, over))) => {
                    model.insert(*key, ([&value[..], &known].concat(), over));
                }
                (Stored::Stored(_), ..) => {
                    model.insert(*key, (value.clone(), over(*expiry, *now)));
                }
                (Stored::NotStored, Condition::Add, known) => assert!(known.is_some()),
                (Stored::NotStored, Condition::Append | Condition::Prepend, Some((known, _))) => {
                    assert!(text.len() + known.len() + value.len() > Store::LONGEST_ENTRY);
                }
                (Stored::NotStored, condition, known) => {
                    assert!(known.is_none() && *condition != Condition::Set);
                }
                (Stored::TooLarge, condition, _) => {
                    assert!(text.len() + value.len() > Store::LONGEST_ENTRY);
                    if *condition == Condition::Set {
                        model.remove(key);
                    }
                }
                (Stored::NoMemory, condition, _) => {
                    if *condition == Condition::Set {
                        model.remove(key);
                    }
                }
                (other, ..) => panic!("{other:?}"),
            }
            model.retain(|_, (_, over)| *over > now.0);
            check(store, model, *key, *now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_a_map(
        pages in 4_usize..40,
        capacity in prop::sample::select(alloc::vec![64_usize, 1024]),
        refuse in any::<bool>(),
        steps in prop::collection::vec(step(), 1..400),
    ) {
        let when_full = if refuse { WhenFull::Refuse } else { WhenFull::Evict };
        let options = Options { capacity, memory: pages << 16, when_full };
        let mut store = Store::new(&options).unwrap();
        let (mut model, mut now) = (Model::new(), NOW);
        for step in &steps {
            apply(&mut store, &mut model, &mut now, step, !refuse);
            audit(&store);
        }
        if refuse {
            prop_assert_eq!(store.counters.evictions, 0, "nothing alive had to go");
        }
    }
}

/// When the sizes that are stored change, memory follows.
#[test]
fn memory_follows_sizes() {
    let options = Options { capacity: 1 << 14, memory: 1 << 20, ..Options::default() };
    let mut store = Store::new(&options).unwrap();
    let mut fill = |len: usize, round: u32| {
        for number in 0..4000_u32 {
            let key = alloc::format!("{round}-{number}");
            let value = alloc::vec![7; len];
            let write =
                Write { condition: Condition::Set, flags: 0, expiry: 0, cas: 0, value: &value };
            let stored = store.write(Key::new(key.as_bytes()).unwrap(), &write, NOW);
            assert!(matches!(stored, Stored::Stored(_)));
        }
        audit(&store);
        let kept = (0..4000_u32)
            .filter(|number| {
                let key = alloc::format!("{round}-{number}");
                store.get(Key::new(key.as_bytes()).unwrap(), NOW).is_some()
            })
            .count();
        kept * len
    };
    for (round, len) in [400, 3000, 60, 14_000, 700].into_iter().enumerate() {
        let kept = fill(len, round as u32);
        let expected = (4000 * len).min(1 << 20);
        assert!(kept * 2 > expected, "only {kept} bytes of values of {len} are kept");
    }
}

/// Entries in use survive those that are not.
#[test]
fn what_is_used_stays() {
    let options = Options { capacity: 1 << 14, memory: 1 << 20, ..Options::default() };
    let mut store = Store::new(&options).unwrap();
    let write = Write { condition: Condition::Set, flags: 0, expiry: 0, cas: 0, value: &[1; 60] };
    let hot = |number: u32| alloc::format!("hot-{number}");
    for number in 0..100 {
        store.write(Key::new(hot(number).as_bytes()).unwrap(), &write, NOW);
    }
    for number in 0..100_000_u32 {
        let key = alloc::format!("cold-{number}");
        store.write(Key::new(key.as_bytes()).unwrap(), &write, NOW);
        store.get(Key::new(hot(number % 100).as_bytes()).unwrap(), NOW);
    }
    let kept = (0..100)
        .filter(|number| store.get(Key::new(hot(*number).as_bytes()).unwrap(), NOW).is_some())
        .count();
    assert!(kept >= 99, "{kept} of 100");
}

/// The expired ones make room even where nothing may be evicted.
#[test]
fn refusing_reuses_what_is_over() {
    let options = Options { capacity: 1 << 12, memory: 1 << 18, when_full: WhenFull::Refuse };
    let mut store = Store::new(&options).unwrap();
    let write = Write { condition: Condition::Set, flags: 0, expiry: 5, cas: 0, value: &[1; 200] };
    let mut store_all = |now: Time| {
        let mut stored = 0;
        for number in 0..4000_u32 {
            let key = alloc::format!("{}-{number}", now.0);
            let outcome = store.write(Key::new(key.as_bytes()).unwrap(), &write, now);
            stored += u32::from(matches!(outcome, Stored::Stored(_)));
        }
        audit(&store);
        stored
    };
    let first = store_all(NOW);
    assert!(first > 500 && first < 4000, "{first}: full, and refused");
    assert_eq!(store_all(Time(NOW.0 + 1)), 0, "nothing is over yet");
    assert_eq!(store_all(Time(NOW.0 + 6)), first, "all are over");
}

/// What was flushed makes room for other sizes, even where nothing may be evicted.
#[test]
fn refusing_reuses_what_was_flushed() {
    let options = Options { capacity: 1 << 12, memory: 1 << 18, when_full: WhenFull::Refuse };
    let mut store = Store::new(&options).unwrap();
    for len in [100, 1500, 9000, 100_000, 300] {
        let value = alloc::vec![7; len];
        let write = Write { condition: Condition::Set, flags: 0, expiry: 0, cas: 0, value: &value };
        let mut stored = 0;
        for number in 0..4000_u32 {
            let key = alloc::format!("{len}-{number}");
            let outcome = store.write(Key::new(key.as_bytes()).unwrap(), &write, NOW);
            stored += usize::from(matches!(outcome, Stored::Stored(_)));
        }
        audit(&store);
        assert!(stored * len * 2 > 1 << 18, "{stored} of {len} bytes");
        store.flush(0, NOW);
    }
    assert_eq!(store.counters.evictions, 0);
}
