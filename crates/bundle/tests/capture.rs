//! What is written is read again, whatever is broken is an error, and other tools agree.

use bundle::capture::{Direction, Error, Format, Frame, Link, Reader, Stamp, Writer, pcap, pcapng};
use proptest::prelude::*;
use std::process::Command;
use std::time::Duration;

/// A frame as the tests keep it.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    time: Duration,
    direction: Direction,
    length: usize,
    comment: Option<String>,
    bytes: Vec<u8>,
}

impl From<Frame<'_>> for Kept {
    fn from(frame: Frame<'_>) -> Self {
        Self {
            time: frame.time,
            direction: frame.direction,
            length: frame.length,
            comment: frame.comment.map(Into::into),
            bytes: frame.bytes.to_vec(),
        }
    }
}

fn read_all(bytes: &[u8]) -> (Vec<Kept>, Option<Error>) {
    let mut frames = Vec::new();
    let mut reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return (frames, Some(error)),
    };
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push(frame.into()),
            Ok(None) => return (frames, None),
            Err(error) => {
                assert!(matches!(reader.next_frame(), Ok(None)), "an error is the end");
                return (frames, Some(error));
            }
        }
    }
}

fn write_all(format: Format, frames: &[Kept]) -> Vec<u8> {
    let interface = pcapng::Interface { name: "tap0", link: Link::ETHERNET };
    let mut writer = Writer::new(Vec::new(), format, &interface).unwrap();
    for frame in frames {
        let stamp = Stamp {
            time: frame.time,
            direction: frame.direction,
            comment: frame.comment.as_deref(),
        };
        // In pieces, as the pages of a chain are.
        writer.write(&stamp, frame.bytes.chunks(700)).unwrap();
    }
    std::mem::take(writer.get_mut())
}

fn kept() -> impl Strategy<Value = Kept> {
    let direction =
        prop_oneof![Just(Direction::Unknown), Just(Direction::Inbound), Just(Direction::Outbound)];
    let comment = proptest::option::of(".{0,40}");
    let bytes = proptest::collection::vec(any::<u8>(), 0..3000);
    (any::<u32>(), 0..1_000_000_000_u32, direction, comment, bytes).prop_map(
        |(seconds, nanoseconds, direction, comment, bytes)| Kept {
            time: Duration::new(seconds.into(), nanoseconds),
            direction,
            length: bytes.len(),
            comment,
            bytes,
        },
    )
}

fn example(format: Format) -> Vec<u8> {
    let frame = |seconds, direction, comment: Option<&str>, len| Kept {
        time: Duration::new(seconds, 123_456_789),
        direction,
        length: len,
        comment: comment.map(Into::into),
        bytes: vec![0x5a; len],
    };
    write_all(
        format,
        &[
            frame(1_700_000_000, Direction::Inbound, Some("the one that broke it"), 61),
            frame(1_700_000_001, Direction::Outbound, None, 1514),
            frame(1_700_000_002, Direction::Unknown, Some("ä"), 65_550),
        ],
    )
}

proptest! {
    #[test]
    fn pcapng_round_trip(frames in proptest::collection::vec(kept(), 0..8)) {
        let (read, error) = read_all(&write_all(Format::Pcapng, &frames));
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(read, frames);
    }

    #[test]
    fn pcap_round_trip(frames in proptest::collection::vec(kept(), 0..8)) {
        let (read, error) = read_all(&write_all(Format::Pcap, &frames));
        prop_assert!(error.is_none(), "{error:?}");
        let plain: Vec<_> = frames
            .into_iter()
            .map(|frame| Kept { direction: Direction::Unknown, comment: None, ..frame })
            .collect();
        prop_assert_eq!(read, plain);
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
    }

    #[test]
    fn broken_captures_end(
        format in prop_oneof![Just(Format::Pcap), Just(Format::Pcapng)],
        changes in proptest::collection::vec((0..2000_usize, any::<u8>()), 1..6),
        end in 0..70_000_usize,
    ) {
        let mut bytes = example(format);
        for (at, value) in changes {
            bytes[at] = value;
        }
        bytes.truncate(end);
        read_all(&bytes);
    }
}

#[test]
fn a_cut_capture_gives_its_whole_frames_first() {
    for format in [Format::Pcap, Format::Pcapng] {
        let bytes = example(format);
        let whole = read_all(&bytes).0;
        assert_eq!(whole.len(), 3);
        for end in 0..bytes.len() {
            let (frames, error) = read_all(&bytes[..end]);
            assert_eq!(frames, whole[..frames.len()]);
            // Between two records nothing tells that more should follow.
            assert!(error.is_none_or(|error| error.is_truncated()), "cut at {end}");
        }
    }
}

#[test]
fn a_promised_length_takes_no_memory() {
    let mut bytes = example(Format::Pcap);
    bytes[32..36].copy_from_slice(&u32::MAX.to_ne_bytes());
    let (frames, error) = read_all(&bytes);
    assert!(frames.is_empty());
    assert!(error.unwrap().to_string().contains("longer than 256 KB"));
}

#[test]
fn classic_pcap_in_every_byte_order_and_resolution() {
    for (magic, fraction, nanoseconds) in [
        (0xa1b2_c3d4_u32, 5_u32, 5_000),
        (0xa1b2_3c4d, 5, 5),
        (0xa1b2_3c4d, 999_999_999, 999_999_999),
    ] {
        for bytes_of in [u32::to_le_bytes, u32::to_be_bytes] {
            let half = |value: u16| match bytes_of(1)[0] {
                1 => value.to_le_bytes(),
                _ => value.to_be_bytes(),
            };
            let mut bytes = bytes_of(magic).to_vec();
            bytes.extend([half(2), half(4)].concat());
            for word in [0, 0, 65_535, 101, 7, fraction, 3, 99] {
                bytes.extend(bytes_of(word));
            }
            bytes.extend(b"abc");
            let mut reader = pcap::Reader::new(&bytes[..]).unwrap();
            assert_eq!(reader.link(), Link::RAW);
            let frame = reader.next_frame().unwrap().unwrap();
            assert_eq!(frame.time, Duration::new(7, nanoseconds));
            assert_eq!((frame.bytes, frame.length, frame.is_whole()), (&b"abc"[..], 99, false));
            assert!(reader.next_frame().unwrap().is_none());
        }
    }
}

/// Puts pcapng blocks together in either byte order.
struct Blocks {
    big: bool,
    bytes: Vec<u8>,
}

impl Blocks {
    fn word(&self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn half(&self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let length = self.word(body.len() as u32 + 12);
        let kind = self.word(kind);
        self.bytes.extend([&kind[..], &length, body, &length].concat());
    }

    fn section(&mut self) {
        let magic = self.word(0x1a2b_3c4d);
        let version = self.half(1);
        self.block(0x0a0d_0d0a, &[&magic[..], &version, &[0, 0], &[0xff; 8]].concat());
    }

    fn interface(&mut self, link: u16, options: &[(u16, &[u8])]) {
        let mut body = [&self.half(link)[..], &[0, 0], &self.word(0)].concat();
        for (code, value) in options {
            body.extend(self.half(*code));
            body.extend(self.half(value.len() as u16));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body);
    }

    fn frame(&mut self, interface: u32, time: u64, bytes: &[u8]) {
        let words = [interface, (time >> 32) as u32, time as u32, bytes.len() as u32, 77];
        let mut body: Vec<u8> = words.iter().flat_map(|word| self.word(*word)).collect();
        body.extend(bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        self.block(6, &body);
    }
}

#[test]
fn pcapng_with_several_sections_interfaces_resolutions_and_unknown_blocks() {
    let mut blocks = Blocks { big: true, bytes: Vec::new() };
    for big in [true, false] {
        blocks.big = big;
        blocks.section();
        blocks.block(0x0bad_beef, &[7; 40]);
        blocks.interface(1, &[]);
        blocks.interface(1, &[(9, &[9])]);
        blocks.interface(101, &[(9, &[0x80 | 0x0a])]);
        let offset = if big { 100_i64.to_be_bytes() } else { 100_i64.to_le_bytes() };
        blocks.interface(1, &[(2, b"eth0"), (9, &[0]), (14, &offset)]);
        blocks.frame(0, 5_000_001, b"abc");
        blocks.frame(1, 5_000_000_001, b"abcd");
        blocks.frame(2, 3 * 1024 + 512, b"");
        blocks.frame(3, 5, b"abcde");
        let length = blocks.word(3);
        blocks.block(3, &[&length[..], b"xyz\0"].concat());
    }
    let (frames, error) = read_all(&blocks.bytes);
    assert!(error.is_none(), "{error:?}");
    let seen: Vec<_> = frames.iter().map(|frame| (frame.time, frame.bytes.as_slice())).collect();
    let section: [(Duration, &[u8]); 5] = [
        (Duration::new(5, 1_000), b"abc"),
        (Duration::new(5, 1), b"abcd"),
        (Duration::new(3, 500_000_000), b""),
        (Duration::from_secs(105), b"abcde"),
        (Duration::ZERO, b"xyz"),
    ];
    assert_eq!(seen, [section, section].concat());
}

#[test]
fn what_contradicts_itself_is_named() {
    let broken = |make: &dyn Fn(&mut Blocks)| {
        let mut blocks = Blocks { big: false, bytes: Vec::new() };
        blocks.section();
        make(&mut blocks);
        read_all(&blocks.bytes).1.unwrap().to_string()
    };
    let nobody = broken(&|blocks| blocks.frame(0, 1, b"abc"));
    assert!(nobody.contains("at byte 28: a frame of an interface nobody described"), "{nobody}");
    let short = broken(&|blocks| blocks.block(1, &[]));
    assert!(short.contains("cut"), "{short}");
    let lengths = broken(&|blocks| {
        blocks.interface(1, &[]);
        *blocks.bytes.last_mut().unwrap() = 1;
    });
    assert!(lengths.contains("two lengths"), "{lengths}");
    let unknown = read_all(b"GIF89a......").1.unwrap().to_string();
    assert!(unknown.contains("neither a pcap nor a pcapng"), "{unknown}");
}

/// Runs a tool over a capture and gives what it prints.
fn tool(program: &str, format: Format, arguments: &[&str]) -> String {
    let path = std::env::temp_dir()
        .join(format!("cofferdam-capture-{}-{program}-{format:?}", std::process::id()));
    std::fs::write(&path, example(format)).unwrap();
    let output = Command::new(program)
        .args(arguments)
        .arg("-r")
        .arg(&path)
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed (apt install {program}): {error}"));
    std::fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn wireshark_reads_what_is_written() {
    let fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len"];
    let classic = tool("tshark", Format::Pcap, &fields);
    assert_eq!(
        classic,
        "1700000000.123456789\t61\n1700000001.123456789\t1514\n1700000002.123456789\t65550\n"
    );
    let more =
        ["-e", "frame.interface_name", "-e", "frame.packet_flags_direction", "-e", "frame.comment"];
    let next = tool("tshark", Format::Pcapng, &[&fields[..], &more].concat());
    assert_eq!(
        next,
        "1700000000.123456789\t61\ttap0\t0x00000001\tthe one that broke it\n\
         1700000001.123456789\t1514\ttap0\t0x00000002\t\n\
         1700000002.123456789\t65550\ttap0\t\tä\n"
    );
}

#[test]
fn tcpdump_reads_what_is_written() {
    for format in [Format::Pcap, Format::Pcapng] {
        let lines = tool("tcpdump", format, &["-n", "-tt", "--nano"]);
        let times: Vec<_> = lines.lines().filter(|line| line.starts_with('1')).collect();
        assert_eq!(times.len(), 3, "{lines}");
        assert!(times[0].starts_with("1700000000.123456789 "), "{lines}");
    }
}
