//! Mounts: how they end, what is left when they do not, and who may do what.

use crate::world::{Running, World, refused, send};
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};
use system_tests::{eventually, tool};

/// A mount of a store at `point`, served by another process.
pub(crate) fn mount(world: &World, arguments: &[&str]) -> Running {
    tool("fusermount3", "fuse3");
    fs::create_dir_all(world.at("point")).unwrap();
    let all = [&["mount"], arguments, &["point"]].concat();
    let mut command = world.command(&all);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it is mounted", || is_mounted(world));
    Running(child)
}

fn is_mounted(world: &World) -> bool {
    let point = format!(" {} ", world.at("point").display());
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    table.lines().any(|line| line.contains(&point) && line.contains("fuse.cofferdam"))
}

/// How a server ended, and what it said of that.
pub(crate) fn ended(mut server: Running) -> (Option<i32>, String) {
    let mut told = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    (server.0.wait().unwrap().code(), told)
}

#[test]
fn every_signal_that_ends_a_mount_makes_safe_what_was_written() {
    let world = World::new();
    for signal in ["TERM", "INT", "HUP"] {
        let server = mount(&world, &["s"]);
        fs::write(world.at("point").join(signal), signal).unwrap();
        send(signal, &server);
        assert_eq!(ended(server), (Some(0), String::new()), "{signal}");
        assert!(!is_mounted(&world));
        assert_eq!(world.done(&["cat", "s", signal]), signal.as_bytes());
    }
    // Somebody else takes it away: that is an end like any other.
    let server = mount(&world, &["s"]);
    fs::write(world.at("point/umount"), "x").unwrap();
    world.shell("fusermount3 -u point");
    assert_eq!(ended(server), (Some(0), String::new()));
    assert_eq!(world.done(&["cat", "s", "umount"]), b"x");
}

#[test]
fn a_mount_that_is_used_ends_all_the_same_and_says_by_whom() {
    let world = World::new();
    let server = mount(&world, &["s"]);
    fs::write(world.at("point/kept"), "kept").unwrap();
    let user = Command::new("sleep").arg("600").current_dir(world.at("point")).spawn().unwrap();
    let user = Running(user);
    send("TERM", &server);
    let (code, told) = ended(server);
    assert_eq!(code, Some(16), "{told}");
    for word in ["still in use by sleep", &format!("process {}", user.0.id()), "is safe"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(!is_mounted(&world));
    assert_eq!(world.done(&["cat", "s", "kept"]), b"kept");
}

#[test]
fn what_a_killed_server_leaves_is_replaced_by_the_next_mount() {
    let world = World::new();
    let server = mount(&world, &["s"]);
    let file = fs::File::create(world.at("point/safe")).unwrap();
    file.sync_all().unwrap();
    drop(file);
    send("KILL", &server);
    ended(server);
    // ENOTCONN.
    assert_eq!(fs::metadata(world.at("point")).unwrap_err().raw_os_error(), Some(107));
    assert_eq!(world.names(), "safe\n");
    // The folder cannot even be looked at, so it is not made anew.
    let all = ["mount", "s", "point"];
    let mut command = world.command(&all);
    let next = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let next = Running(next);
    eventually("it is there again", || world.at("point/safe").exists());
    send("INT", &next);
    assert_eq!(ended(next), (Some(0), String::new()));
    assert!(!is_mounted(&world));
}

#[test]
fn a_store_is_mounted_once_to_be_written_and_any_number_of_times_to_be_read() {
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "file"]);
    fs::create_dir(world.at("other")).unwrap();
    let server = mount(&world, &["s"]);
    let process = format!("process {}", server.0.id());
    world.fails(&["mount", "s", "other"], 16, &["in use by cofferdam", &process]);
    send("INT", &server);
    assert_eq!(ended(server), (Some(0), String::new()));
    let server = mount(&world, &["--read-only", "s"]);
    let error = fs::write(world.at("point/new"), "x").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(30), "EROFS");
    // It shows what was there when it began, whoever writes meanwhile.
    for number in 0..5 {
        world.done(&["put", "--force", "s", "one", "file"]);
        world.done(&["put", "s", "one", &format!("new{number}")]);
    }
    assert_eq!(fs::read(world.at("point/file")).unwrap(), b"one");
    assert_eq!(fs::read_dir(world.at("point")).unwrap().count(), 1);
    send("INT", &server);
    assert_eq!(ended(server), (Some(0), String::new()), "nothing of it is unsafe");
    assert_eq!(world.done(&["ls", "s"]).split(|&byte| byte == b'\n').count(), 7);
    world.fails(&["mount", "s", "one"], 4, &["not a directory"]);
}

#[test]
fn others_see_a_mount_only_if_they_may() {
    tool("setpriv", "util-linux");
    let world = World::new();
    let look = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "cat"]);
        command.arg(world.at("point/file")).output().unwrap()
    };
    for (options, sees) in [(&["s"][..], false), (&["--others", "s"], true)] {
        let server = mount(&world, options);
        fs::set_permissions(world.at("point"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(world.at("point/file"), "seen").unwrap();
        let output = look();
        assert_eq!(output.status.success(), sees, "{output:?}");
        assert_eq!(output.stdout == b"seen", sees);
        send("INT", &server);
        assert_eq!(ended(server), (Some(0), String::new()));
    }
}

#[test]
fn what_was_written_counts_in_du_before_it_is_on_the_disk() {
    let world = World::new();
    let server = mount(&world, &["s"]);
    let path = world.at("point/file");
    let file = fs::File::create(&path).unwrap();
    let written = std::os::unix::fs::FileExt::write_all_at(&file, &vec![7; 1 << 20], 0);
    written.unwrap();
    drop(file);
    // In pieces of 512 bytes. The kernel believes for a moment what it was told before.
    eventually("it counts", || path.metadata().unwrap().blocks() == 2048);
    send("INT", &server);
    assert_eq!(ended(server), (Some(0), String::new()));
}

/// A loop device over a new file; gone, with its lock file, when this is dropped.
struct Loop(String);

impl Loop {
    fn over(world: &World, name: &str, bytes: u64) -> Self {
        tool("losetup", "mount");
        fs::File::create(world.at(name)).unwrap().set_len(bytes).unwrap();
        Self(world.shell(&format!("losetup --find --show {name}")).trim().to_owned())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if let Ok(about) = rustix::fs::stat(&*self.0) {
            let device = (rustix::fs::major(about.st_rdev), rustix::fs::minor(about.st_rdev));
            for folder in ["/run/lock", "/run"] {
                let (major, minor) = device;
                let _ = fs::remove_file(format!("{folder}/cofferdam-seal-{major}-{minor}.lock"));
            }
        }
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

#[test]
fn a_store_and_its_seal_lie_on_block_devices() {
    let world = World::new();
    let (device, seal) =
        (Loop::over(&world, "disk", 32 << 20), Loop::over(&world, "seal", 64 << 10));
    let (device, seal) = (&*device.0, &*seal.0);
    world.fails(&["init", device], 2, &["is no folder", "--device"]);
    world.done(&["init", "--device", device, "--seal", seal]);
    world.fails(&["init", "--device", device, "--seal", seal], 6, &["something on it"]);
    world.file("one", &crate::world::noise(3 << 20));
    world.done(&["put", device, "one", "file"]);
    // Seal and key are remembered, and the same device has several names.
    std::os::unix::fs::symlink(device, world.at("by-name")).unwrap();
    world.done(&["put", "by-name", "one", "second"]);
    assert_eq!(world.done(&["ls", device]), b"file\nsecond\n");
    world.done(&["verify", device]);
    world.file("large", &crate::world::noise(33 << 20));
    world.fails(&["put", device, "large", "third"], 17, &["room"]);
    // In use by one, and by the next writer after it.
    let server = mount(&world, &[device]);
    fs::copy(world.at("one"), world.at("point/mounted")).unwrap();
    world.fails(&["rm", device, "file"], 16, &["in use by cofferdam"]);
    send("TERM", &server);
    assert_eq!(ended(server), (Some(0), String::new()));
    world.done(&["backup", device, "saved"]);
    world.done(&["restore", "saved", "again"]);
    assert_eq!(world.done(&["ls", "again"]), b"file\nmounted\nsecond\n");
    // Back onto a device: an empty one.
    let other = Loop::over(&world, "disk2", 32 << 20);
    world.fails(&["restore", "saved", device, "--device"], 6, &["something on it"]);
    world.done(&["restore", "saved", &other.0, "--device"]);
    world.done(&["verify", &other.0]);
}

#[test]
fn a_mount_point_that_cannot_be() {
    let world = World::new();
    let output = world.run(&["mount", "s", "missing"]);
    refused(&output, 3, &["missing", "make the directory first"], &["mount"]);
}
