//! One file of a mounted store, mapped by several processes at once: what is made safe with `msync`
//! outlives whoever is killed.

use crate::mounted::{ended, mount};
use crate::world::{Running, World, noise, send};
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use system_tests::{Mapper, eventually};

const PAGE: usize = 4096;
const SIZE: usize = 24 * PAGE;

/// A mounted store with a file of zeros, which is safe, and two processes that map it.
fn mapped_twice(world: &World) -> (Running, PathBuf, Mapper, Mapper) {
    let server = mount(world, &["s"]);
    let path = world.at("point/mapped");
    let file = File::create(&path).unwrap();
    file.write_all_at(&vec![0; SIZE], 0).unwrap();
    file.sync_all().unwrap();
    let (one, other) = (Mapper::new([&path]), Mapper::new([&path]));
    (server, path, one, other)
}

fn end(server: Running) {
    send("TERM", &server);
    assert_eq!(ended(server), (Some(0), String::new()));
}

#[test]
fn processes_that_map_a_file_see_what_each_other_stores() {
    let world = World::new();
    let (server, path, mut one, mut other) = mapped_twice(&world);
    let bytes = noise(SIZE);
    for round in 0..6 {
        // Over page borders, and within pages of which the other one has the rest.
        let (at, to) = (round * 3 * PAGE + 1000, round * 3 * PAGE + 3 * PAGE + 500);
        one.write(0, SIZE, at, &bytes[at..to]);
        assert!(other.read(0, SIZE, at, to - at) == bytes[at..to], "what one stored");
        other.write(0, SIZE, at + 7, b"from the other one");
        assert_eq!(one.read(0, SIZE, at + 7, 18), b"from the other one");
        // So does who reads, and what is written is in the maps.
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let mut read = [0; 18];
        file.read_exact_at(&mut read, (at + 7) as u64).unwrap();
        assert_eq!(&read, b"from the other one");
        file.write_all_at(b"written", (at + 50) as u64).unwrap();
        for mapper in [&mut one, &mut other] {
            assert_eq!(mapper.read(0, SIZE, at + 50, 7), b"written");
        }
    }
    let all = one.read(0, SIZE, 0, SIZE);
    drop((one, other));
    end(server);
    assert!(world.done(&["cat", "s", "mapped"]) == all, "also when it is mounted no more");
    world.done(&["verify", "s"]);
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_it_stored_in_a_map() {
    let world = World::new();
    let (server, path, mut one, mut other) = mapped_twice(&world);
    let bytes = noise(SIZE);
    one.write(0, SIZE, 0, &bytes);
    one.flush(0, SIZE, 0, SIZE / 2);
    one.kill();
    assert!(other.read(0, SIZE, 0, SIZE) == bytes, "the other one's map is as it was");
    other.write(0, SIZE, 5, b"goes on");
    let all = other.read(0, SIZE, 0, SIZE);
    other.kill();
    assert!(fs::read(&path).unwrap() == all);
    end(server);
    let server = mount(&world, &["s"]);
    assert!(fs::read(&path).unwrap() == all, "mounted again");
    end(server);
}

#[test]
fn what_was_made_safe_with_msync_outlives_the_server() {
    let world = World::new();
    let bytes = noise(SIZE);
    let half = SIZE / 2;
    for kills_writer in [true, false] {
        let (server, path, mut one, mut other) = mapped_twice(&world);
        one.write(0, SIZE, 0, &bytes[..half]);
        one.flush(0, SIZE, 0, half);
        // It is in the store now, not only with the server: who reads the store alone finds it.
        assert!(world.done(&["cat", "s", "mapped"])[..half] == bytes[..half]);
        other.write(0, SIZE, half, &bytes[half..]);
        if kills_writer {
            one.kill();
        } else {
            drop(one);
        }
        send("KILL", &server);
        ended(server);
        drop(other);
        // ENOTCONN.
        assert_eq!(fs::metadata(world.at("point")).unwrap_err().raw_os_error(), Some(107));
        let server = mount_over_dead(&world);
        let found = fs::read(&path).unwrap();
        assert!(found[..half] == bytes[..half], "what was synchronised");
        // Of what was not, each page is the old one or the new one.
        for (page, found) in found.chunks(PAGE).enumerate().skip(half / PAGE) {
            let new = &bytes[page * PAGE..][..PAGE];
            assert!(found == new || found == [0; PAGE], "page {page} is neither");
        }
        assert_eq!(found.len(), SIZE);
        end(server);
        world.done(&["verify", "s"]);
    }
}

/// The next mount where a killed server left one.
fn mount_over_dead(world: &World) -> Running {
    let mut command = world.command(&["mount", "s", "point"]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let server = Running(command.spawn().unwrap());
    eventually("it is there again", || world.at("point/mapped").exists());
    server
}
