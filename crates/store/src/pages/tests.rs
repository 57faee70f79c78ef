use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn cache(frames: usize) -> Pages {
    Pages::new(Box::new(Heap::new(frames)))
}

proptest! {
    #[test]
    fn what_is_dropped_is_the_range_and_nothing_else(
        written in prop::collection::vec((0u64..4, prop_oneof![0u64..300, any::<u32>().prop_map(u64::from)]), 0..200),
        drops in prop::collection::vec((0u64..4, 0u64..300, prop_oneof![0u64..400, Just(u64::MAX / 2)]), 1..8),
    ) {
        let mut pages = cache(256);
        let mut model = BTreeSet::new();
        for key in written {
            pages.write(key, 0, &[1; BLOCK], None).unwrap();
            model.insert(key);
        }
        for (object, from, length) in drops {
            let range = (object, from)..(object, from + length);
            let gone: Vec<PageKey> = model.range(range).copied().collect();
            prop_assert_eq!(pages.drop_range(object, from, from + length), gone.len() as u64);
            model.retain(|key| !gone.contains(key));
            let all: BTreeSet<PageKey> = pages.index.keys().copied().collect();
            prop_assert_eq!(&all, &model);
            for object in 0..4 {
                let held = model.iter().filter(|key| key.0 == object).count();
                prop_assert_eq!(pages.held.get(&object).map_or(0, |&held| held as usize), held);
            }
        }
    }
}

#[test]
fn a_small_file_is_dropped_without_a_look_at_those_of_others() {
    let mut pages = cache(2000);
    for page in 0..1500 {
        pages.add_clean((1, page), &[1; BLOCK]);
    }
    assert_eq!(pages.drop_range(2, 0, u64::MAX), 0);
    for page in 0..10 {
        pages.write((2, page), 0, &[2; BLOCK], None).unwrap();
    }
    assert_eq!(pages.drop_range(2, 0, u64::MAX), 10);
    assert_eq!(pages.searches, 0);
    pages.write((3, 1 << 40), 0, &[3; BLOCK], None).unwrap();
    assert_eq!((pages.drop_range(3, 0, u64::MAX), pages.searches), (1, 1));
}

#[test]
fn what_had_to_go_for_others_is_not_counted_any_more() {
    let mut pages = cache(16);
    for object in 0..100 {
        pages.add_clean((object, 7), &[1; BLOCK]);
    }
    assert_eq!((pages.index.len(), pages.held.len()), (16, 16));
}
