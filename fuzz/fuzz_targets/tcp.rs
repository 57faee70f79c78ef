//! TCP: options that are read and written again are the same options.
#![no_main]

use packet::header::tcp::{Tcp, TcpOption, Writer};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok((tcp, payload)) = Tcp::read(bytes) else { return };
    let len = tcp.len();
    assert!((20..=60).contains(&len) && len + payload.len() == bytes.len());
    let mut writer = Writer::new();
    let mut good = Vec::new();
    let mut all_good = true;
    for option in tcp.options() {
        match option {
            Ok(option) => {
                assert!(writer.push(&option), "what was read fits");
                if let TcpOption::Sack(blocks) = option {
                    let mut other = Writer::new();
                    assert_eq!(other.push_sack(blocks.iter()), blocks.iter().len());
                }
                good.push(option);
            }
            Err(_) => all_good = false,
        }
    }
    let mut copy = bytes.to_vec();
    let options = writer.bytes();
    assert!(options.len() <= len - 20 || !all_good);
    let (new, _) = Tcp::create(&mut copy, options.len()).unwrap();
    new.option_bytes_mut().copy_from_slice(options);
    new.set_source(tcp.destination());
    new.set_destination(tcp.source());
    new.flip();
    new.set_sequence(tcp.sequence());
    new.set_acknowledgement(tcp.acknowledgement());
    new.set_flags(tcp.flags());
    new.set_window(tcp.window());
    new.set_checksum(tcp.checksum());
    new.set_urgent(tcp.urgent());
    assert!(new.options().map(Result::unwrap).eq(good));
    assert_eq!(copy[..12], bytes[..12]);
    assert_eq!(copy[13..20], bytes[13..20]);
});
