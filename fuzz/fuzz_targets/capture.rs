//! Any bytes are frames or an error, within bounds; frames written again are read the same.
#![no_main]

use bundle::capture::{Direction, Format, Link, MAX_FRAME, Reader, Stamp, Writer, pcapng};

type Kept = (core::time::Duration, Direction, Option<String>, Vec<u8>);

fn read(bytes: &[u8]) -> Vec<Kept> {
    let mut frames = Vec::new();
    let Ok(mut reader) = Reader::new(bytes) else { return frames };
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                assert!(frame.bytes.len() <= MAX_FRAME);
                let comment = frame.comment.map(String::from);
                frames.push((frame.time, frame.direction, comment, frame.bytes.to_vec()));
            }
            Ok(None) => return frames,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(matches!(reader.next_frame(), Ok(None)));
                return frames;
            }
        }
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut frames = read(bytes);
    // What nanoseconds since 1970 in 64 bits cannot say is not said again; nor is more of a
    // comment than has room.
    let last = core::time::Duration::from_nanos(u64::MAX);
    let comment_fits =
        |comment: &Option<String>| comment.as_ref().is_none_or(|text| text.len() < 65_536);
    frames.retain(|(time, _, comment, _)| *time <= last && comment_fits(comment));
    let interface = pcapng::Interface { name: "fuzz", link: Link::ETHERNET };
    let mut writer =
        Writer::new(Vec::new(), Format::Pcapng, &interface).expect("memory takes everything");
    for (time, direction, comment, bytes) in &frames {
        let stamp = Stamp { time: *time, direction: *direction, comment: comment.as_deref() };
        writer.write(&stamp, bytes.chunks(7)).expect("memory takes everything");
    }
    assert_eq!(read(writer.get_mut()), frames);
});
