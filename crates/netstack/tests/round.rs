//! Serving all stacks that have something waiting in two calls.

mod segment;

use netstack::{Datagram, DropReason, StackId};
use packet::Batch;
use segment::{Node, Segment, v4};

/// Host 2 serves ports 7, 8 and 9; host 1 asks them, and hears what comes back.
struct World {
    segment: Segment,
    client: StackId,
    servers: Vec<StackId>,
}

impl World {
    fn new() -> Self {
        let mut segment = Segment::new(2);
        let client = segment.bind(1, v4(1, 5000));
        let servers = (7..10).map(|port| segment.bind(2, v4(2, port))).collect();
        Self { segment, client, servers }
    }

    fn ask(&mut self, port: u16, question: &str) {
        self.segment.send(1, self.client, v4(2, port), question.as_bytes());
        self.segment.settle();
    }

    fn take(&mut self, limit: usize) -> (Batch, Vec<StackId>) {
        let (mut received, mut owners) = (Batch::new(), Vec::new());
        self.segment.host(2).rx_round(&mut received, &mut owners, limit);
        (received, owners)
    }

    fn give(&mut self, ready: &mut Batch, owners: &[StackId]) -> usize {
        for packet in &mut *ready {
            if let Ok(mut datagram) = Datagram::read(packet) {
                datagram.flip();
            }
        }
        let now = self.segment.now;
        let Node { host, free, .. } = &mut self.segment.nodes[1];
        host.tx_round(now, owners, ready, free)
    }

    fn answers(&mut self) -> Vec<(u16, String)> {
        self.segment.settle();
        let received = self.segment.received(1, self.client);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        received.into_iter().map(|(from, bytes)| (from.port(), text(bytes))).collect()
    }
}

#[test]
fn stacks_take_turns_and_each_keeps_its_order() {
    let mut world = World::new();
    for (port, question) in [(8, "a"), (7, "b"), (8, "c"), (9, "d")] {
        world.ask(port, question);
    }
    let (mut batch, owners) = world.take(usize::MAX);
    let [seven, eight, nine] = world.servers[..] else { unreachable!() };
    assert_eq!(owners, [eight, eight, seven, nine]);
    assert_eq!(world.give(&mut batch, &owners), 4);
    let expected = [(8, "a"), (8, "c"), (7, "b"), (9, "d")];
    assert_eq!(world.answers(), expected.map(|(port, text)| (port, text.to_owned())));
    world.segment.assert_nothing_lost();
}

#[test]
fn a_limit_leaves_the_rest_for_the_next_round() {
    let mut world = World::new();
    for (port, question) in [(8, "a"), (8, "b"), (8, "c"), (7, "d")] {
        world.ask(port, question);
    }
    let mut said = Vec::new();
    for _ in 0..4 {
        let (mut batch, owners) = world.take(2);
        assert!(batch.len() <= 2);
        world.give(&mut batch, &owners);
        said.extend(world.answers().into_iter().map(|(_, text)| text));
    }
    // Who had more than its turn waits until the others had theirs.
    assert_eq!(said, ["a", "b", "d", "c"]);
}

#[test]
fn a_stack_that_was_asked_by_itself_does_not_end_a_round() {
    let mut world = World::new();
    world.ask(7, "a");
    world.ask(8, "b");
    let seven = world.servers[0];
    assert_eq!(world.segment.received(2, seven).len(), 1);
    let (mut batch, owners) = world.take(8);
    assert_eq!(owners, [world.servers[1]]);
    world.give(&mut batch, &owners);
    assert_eq!(world.answers(), [(8, "b".to_owned())]);
}

#[test]
fn one_that_cannot_be_sent_does_not_hold_up_the_others() {
    let mut world = World::new();
    for (port, question) in [(7, "a"), (8, "b"), (9, "c")] {
        world.ask(port, question);
    }
    let (mut batch, owners) = world.take(8);
    // No datagram any more.
    batch[1].truncate(20);
    assert_eq!(world.give(&mut batch, &owners), 2);
    assert!(batch.is_empty());
    assert_eq!(world.segment.dropped(2, DropReason::SendMalformed), 1);
    assert_eq!(world.answers(), [(7, "a".to_owned()), (9, "c".to_owned())]);
    world.segment.assert_nothing_lost();
}

#[test]
fn nobody_sends_in_anothers_name() {
    let mut world = World::new();
    world.ask(7, "a");
    let (mut batch, _) = world.take(8);
    let eight = world.servers[1];
    assert_eq!(world.give(&mut batch, &[eight]), 0);
    assert_eq!(world.segment.dropped(2, DropReason::SendMalformed), 1);
    assert_eq!(world.answers(), []);
    world.segment.assert_nothing_lost();
}

#[test]
fn packets_of_a_stack_that_is_gone_go_home() {
    let mut world = World::new();
    world.ask(7, "a");
    world.ask(8, "b");
    let (mut batch, owners) = world.take(8);
    let now = world.segment.now;
    let Node { host, free, .. } = &mut world.segment.nodes[1];
    host.close(now, owners[0], free);
    assert_eq!(world.give(&mut batch, &owners), 1);
    assert_eq!(world.answers(), [(8, "b".to_owned())]);
    world.segment.assert_nothing_lost();
}
