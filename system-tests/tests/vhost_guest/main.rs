//! The device's side of vhost-user as the network card of a virtual machine: QEMU (emulating the
//! processor) runs Debian's kernel, whose `virtio_net` talks to us. The guest pings, asks over
//! UDP, reboots, and does it again; then its machine is killed and another comes.

mod guest;
mod responder;

use guest::Guest;
use nic::Nic;
use nic::vhost::{Device, DeviceOptions};
use packet::{Batch, Pool};
use responder::Responder;
use std::time::{Duration, Instant};

/// How long a guest may take to boot and to do its work, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Answers the guest until its console holds `text` so many times.
fn serve_until(
    guest: &mut Guest,
    device: &mut Device,
    responder: &mut Responder,
    pool: &mut Pool,
    (text, times): (&str, usize),
) {
    let (mut free, mut frames, mut sent) = (Batch::new(), Batch::new(), Batch::new());
    let deadline = Instant::now() + PATIENCE;
    let mut looked = Instant::now();
    loop {
        let missing = 64 - free.len();
        pool.allocate_batch(&mut free, missing);
        device.receive(&mut free, &mut frames, 32).unwrap();
        frames.retain_mut(|frame| responder.answer(frame));
        device.transmit(&mut frames).unwrap();
        device.reclaim(&mut sent).unwrap();
        pool.recycle_batch(&mut sent);
        device.wait(Some(Duration::from_millis(10))).unwrap();
        if looked.elapsed() > Duration::from_millis(100) {
            looked = Instant::now();
            let console = guest.console();
            if console.matches(text).count() >= times {
                break;
            }
            assert!(guest.runs(), "QEMU ended:\n{console}");
            assert!(Instant::now() < deadline, "no `{text}` in time:\n{console}");
        }
    }
    pool.recycle_batch(&mut free);
    pool.recycle_batch(&mut frames);
}

#[test]
fn a_linux_guest_pings_reboots_and_comes_again() {
    let socket = std::env::temp_dir().join(format!("cofferdam-guest-{}.sock", std::process::id()));
    let mut device = Device::listen(&DeviceOptions::new(&socket)).unwrap();
    let mut pool = Pool::plain(1024);
    let mut responder = Responder::default();

    let mut guest = Guest::boot(&socket);
    // Twice: it reboots after the first time.
    serve_until(&mut guest, &mut device, &mut responder, &mut pool, ("GUEST DONE", 2));
    let console = guest.console();
    for size in guest::SIZES {
        let answered = format!("PING {size} OK");
        assert_eq!(console.matches(&answered).count(), 2, "{answered}:\n{console}");
    }
    assert!(responder.asked_by_udp >= 2, "the guest's questions");
    assert!(responder.left_checksum > 0, "the guest left a checksum to the device");

    // Its machine is killed, without a word; the next finds the card as new.
    drop(guest);
    let mut guest = Guest::boot(&socket);
    serve_until(&mut guest, &mut device, &mut responder, &mut pool, ("GUEST DONE", 1));
    drop(guest);

    let statistics = device.statistics();
    assert_eq!(statistics.malformed, 0, "{statistics:?}");
    assert!(statistics.received > 0 && statistics.sent > 0, "{statistics:?}");
    drop(device);
    assert_eq!(pool.statistics().away, 0, "every page went home");
}
