//! Pages pushed, cut, gathered, chained and queued equal a plain model; all come home.
#![no_main]

use cofferdam_fuzz::{Input, bytes};
use packet::{HEADROOM, PAGE, Packet, Pool, Queue};

const PAGES: usize = 12;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut pool = Pool::plain(PAGES);
    let mut held: Vec<(Packet, Vec<u8>)> = Vec::new();
    let mut queue = Queue::new();
    let mut queued: Vec<Vec<u8>> = Vec::new();
    while !input.is_empty() {
        let (what, count) = (input.byte() % 12, input.number() % (PAGE + 2));
        if what == 0 {
            let away = pool.statistics().away;
            match pool.allocate() {
                Some(packet) => {
                    assert_eq!((packet.len(), packet.headroom()), (0, HEADROOM));
                    held.push((packet, Vec::new()));
                }
                None => assert_eq!(away, PAGES),
            }
            continue;
        }
        let Some((mut packet, mut model)) = held.pop() else {
            if let Some(packet) = queue.pop_front() {
                held.push((packet, queued.remove(0)));
            }
            continue;
        };
        match what {
            1 => {
                let fits = count <= packet.tailroom();
                let at = packet.len();
                match packet.push_back(count) {
                    Some(room) => room.fill(count as u8),
                    None => assert!(!fits),
                }
                if fits {
                    model.splice(at..at, vec![count as u8; count]);
                }
            }
            2 => {
                let fits = count <= packet.headroom();
                match packet.push_front(count) {
                    Some(room) => room.fill(count as u8),
                    None => assert!(!fits),
                }
                if fits {
                    model.splice(..0, vec![count as u8; count]);
                }
            }
            3 => {
                let cut = count.min(packet.len());
                packet.cut_front(count);
                model.drain(..cut);
            }
            4 => {
                let cut = count.min(packet.len())..packet.len();
                packet.truncate(count);
                model.drain(cut);
            }
            5 => {
                packet.truncate_frame(count);
                model.truncate(count);
            }
            6 => {
                let possible = count <= model.len() && (count <= PAGE || count <= packet.len());
                assert_eq!(packet.gather(count), possible);
                assert!(!possible || packet.len() >= count);
            }
            7 => {
                if let Some((rest, behind)) = held.pop() {
                    packet.append(rest);
                    model.extend(behind);
                }
            }
            8 => {
                if let Some(rest) = packet.take_next() {
                    let behind = model.split_off(packet.len());
                    held.push((rest, behind));
                }
            }
            9 => {
                queue.push_back(packet);
                queued.push(model);
                continue;
            }
            10 => {
                pool.recycle(packet);
                continue;
            }
            _ => continue,
        }
        assert_eq!(packet.headroom() + packet.len() + packet.tailroom(), PAGE);
        assert_eq!((packet.frame_len(), bytes(&packet)), (model.len(), model.clone()));
        held.push((packet, model));
    }
    assert_eq!(queue.len(), queued.len());
    for model in queued {
        assert_eq!(bytes(&queue.pop_front().unwrap()), model);
    }
    held.clear();
    assert_eq!(pool.statistics().away, 0);
});
