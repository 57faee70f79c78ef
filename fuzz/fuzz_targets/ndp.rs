//! Neighbour discovery: options that are read and written again are the same options.
#![no_main]

use packet::header::ndp::{
    NdpOption, NeighborAdvertisement, NeighborSolicitation, Options, Redirect, RouterAdvertisement,
    RouterSolicitation,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let options = match bytes.first() {
        Some(&RouterSolicitation::KIND) => RouterSolicitation::read(bytes).map(|(_, rest)| rest),
        Some(&RouterAdvertisement::KIND) => RouterAdvertisement::read(bytes).map(|(read, rest)| {
            let mut new = RouterAdvertisement::new(read.lifetime());
            new.set_hop_limit(read.hop_limit());
            new.set_managed(read.managed());
            new.set_other_configuration(read.other_configuration());
            new.set_preference(read.preference());
            assert_eq!((new.preference(), new.managed()), (read.preference(), read.managed()));
            assert_eq!((new.lifetime(), new.hop_limit()), (read.lifetime(), read.hop_limit()));
            rest
        }),
        Some(&NeighborSolicitation::KIND) => {
            NeighborSolicitation::read(bytes).map(|(_, rest)| rest)
        }
        Some(&NeighborAdvertisement::KIND) => {
            NeighborAdvertisement::read(bytes).map(|(read, rest)| {
                let mut new = NeighborAdvertisement::new(read.target());
                new.set_router(read.router());
                new.set_solicited(read.solicited());
                new.set_overrides(read.overrides());
                assert_eq!((new.router(), new.solicited()), (read.router(), read.solicited()));
                rest
            })
        }
        Some(&Redirect::KIND) => Redirect::read(bytes).map(|(_, rest)| rest),
        _ => Ok(bytes),
    };
    let Ok(options) = options else { return };
    let read: Vec<_> = Options::new(options).collect();
    assert!(read.len() <= options.len() / 8 + 1);
    assert_eq!(Options::new(options).are_well_formed(), read.iter().all(Result::is_ok));
    let mut written = vec![0xaa; 2 * options.len() + 64];
    let room = written.len();
    let mut left = &mut written[..];
    let good: Vec<NdpOption<'_>> = read.into_iter().flatten().collect();
    for option in &good {
        match option {
            NdpOption::Dnssl { domains, .. } => assert!(domains.iter().count() <= options.len()),
            NdpOption::Rdnss { servers, .. } => assert!(servers.iter().len() > 0),
            NdpOption::Prefix(prefix) => assert!(prefix.len <= 128),
            _ => {}
        }
        left = option.write(left).unwrap();
    }
    let used = room - left.len();
    let again: Vec<_> = Options::new(&written[..used]).map(Result::unwrap).collect();
    assert_eq!(again, good);
});
