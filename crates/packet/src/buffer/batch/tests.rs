use super::*;
use crate::Pool;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use proptest::prelude::*;

/// What can be done to a batch; numbers beyond its length are part of it.
#[derive(Clone, Debug)]
enum Step {
    PushBack,
    PushFront,
    PopFront,
    PopBack,
    Append(usize),
    Prepend(usize),
    Drain(usize, usize, usize),
    Retain(usize),
    Extend(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::PushBack),
        1 => Just(Step::PushFront),
        4 => Just(Step::PopFront),
        1 => Just(Step::PopBack),
        1 => (0..40usize).prop_map(Step::Append),
        1 => (0..40usize).prop_map(Step::Prepend),
        1 => (0..10usize, 0..50usize, 0..50usize).prop_map(|(from, to, take)| Step::Drain(from, to, take)),
        1 => (2..5usize).prop_map(Step::Retain),
        1 => (0..40usize).prop_map(Step::Extend),
    ]
}

fn fetch(pool: &mut Pool, model: &mut VecDeque<usize>, count: usize) -> Batch {
    let mut batch = Batch::new();
    pool.allocate_batch(&mut batch, count);
    model.extend(batch.iter().map(Packet::number));
    batch
}

proptest! {
    /// A batch does what a `VecDeque` does, and loses no packet and gives none twice: the pool
    /// would hand out a page that is still in use, and end up short of others.
    #[test]
    fn a_batch_is_a_queue_with_two_ends(steps in proptest::collection::vec(step(), 0..200)) {
        let mut pool = Pool::plain(4096);
        let (mut batch, mut model) = (Batch::new(), VecDeque::new());
        for step in steps {
            match step {
                Step::PushBack => {
                    batch.extend(fetch(&mut pool, &mut model, 1).pop_back());
                }
                Step::PushFront => {
                    let mut new = VecDeque::new();
                    if let Some(packet) = fetch(&mut pool, &mut new, 1).pop_front() {
                        batch.push_front(packet);
                        model.push_front(new[0]);
                    }
                }
                Step::PopFront => {
                    prop_assert_eq!(batch.pop_front().map(|it| it.number()), model.pop_front());
                }
                Step::PopBack => {
                    prop_assert_eq!(batch.pop_back().map(|it| it.number()), model.pop_back());
                }
                Step::Append(count) => batch.append(&mut fetch(&mut pool, &mut model, count)),
                Step::Prepend(count) => {
                    let mut new = VecDeque::new();
                    let mut other = fetch(&mut pool, &mut new, count);
                    batch.prepend(&mut other);
                    prop_assert!(other.is_empty());
                    new.append(&mut model);
                    model = new;
                }
                Step::Drain(from, to, take) => {
                    let (from, to) = (from.min(model.len()), to.min(model.len()));
                    let to = to.max(from);
                    let drained: Vec<_> =
                        batch.drain(from..to).take(take).map(|it| it.number()).collect();
                    let expected: Vec<_> = model.drain(from..to).take(take).collect();
                    prop_assert_eq!(drained, expected);
                }
                Step::Retain(modulus) => {
                    batch.retain(|it| it.number() % modulus != 0);
                    model.retain(|it| it % modulus != 0);
                }
                Step::Extend(count) => batch.extend(fetch(&mut pool, &mut model, count)),
            }
            prop_assert!(batch.iter().map(Packet::number).eq(model.iter().copied()));
            prop_assert_eq!(pool.statistics().away, model.len());
        }
    }
}

#[test]
fn a_queue_that_turns_over_does_not_grow() {
    let mut pool = Pool::plain(64);
    let mut batch = Batch::new();
    pool.allocate_batch(&mut batch, 40);
    for _ in 0..10_000 {
        let packet = batch.pop_front();
        batch.extend(packet);
    }
    assert_eq!(batch.len(), 40);
    assert!(batch.slots.len() <= 256, "{}", batch.slots.len());
}
