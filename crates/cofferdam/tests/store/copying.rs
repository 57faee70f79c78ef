//! Files that go in, within and out: as they were, and never over something else.

use crate::world::{World, noise};
use rustix::fs::XattrFlags;
use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

#[test]
fn a_folder_comes_back_as_it_was() {
    let world = World::new();
    let make = "mkdir -p f/d/empty; printf hello > f/a; ln -s a f/link; ln f/a f/d/hard; \
                truncate -s 3M f/hole; printf x | dd of=f/hole bs=1 seek=1000000 conv=notrunc 2>&1; \
                : > f/nothing; chmod 4751 f/a; chmod 700 f/d; touch -d 2001-02-03T04:05:06.789Z f/a f/d";
    assert!(
        Command::new("sh")
            .args(["-c", make])
            .current_dir(&world.0)
            .output()
            .unwrap()
            .status
            .success()
    );
    world.file("f/big", &noise(5_000_001));
    world.done(&["put", "-a", "s", "f", "docs"]);
    world.done(&["get", "-a", "s", "docs", "back"]);
    let show = "cd \"$0\" && find . -printf '%p %y %m %n %s %U %G %T@ %l\\n' | sort && \
                find . -type f -exec sha256sum {} + | sort";
    let shown = |folder: &str| {
        let output = Command::new("sh").args(["-c", show, folder]).current_dir(&world.0).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(shown("f"), shown("back"));
    let blocks =
        |path: &str| std::os::unix::fs::MetadataExt::blocks(&world.at(path).metadata().unwrap());
    assert!(blocks("back/hole") <= 16, "holes stay holes");
    // Within the store as well.
    world.done(&["cp", "-a", "s", "docs", "copy"]);
    world.done(&["get", "-a", "s", "copy", "again"]);
    assert_eq!(fs::read(world.at("again/big")).unwrap(), noise(5_000_001));
    world.fails(&["put", "s", "f", "docs"], 2, &["is a folder", "add -r"]);
    world.fails(&["get", "s", "docs", "x"], 2, &["directory", "-r"]);
}

#[test]
fn nothing_is_overwritten_unless_somebody_says_so() {
    let world = World::new();
    world.file("one", b"one");
    world.file("two", b"two");
    world.done(&["put", "s", "one", "name"]);
    world.fails(&["put", "s", "two", "name"], 6, &["taken", "--force"]);
    assert_eq!(world.done(&["cat", "s", "name"]), b"one");
    world.done(&["put", "--force", "s", "two", "name"]);
    assert_eq!(world.done(&["cat", "s", "name"]), b"two");
    world.fails(&["get", "s", "name", "one"], 6, &["one", "--force"]);
    assert_eq!(fs::read(world.at("one")).unwrap(), b"one");
    world.done(&["get", "--force", "s", "name", "one"]);
    assert_eq!(fs::read(world.at("one")).unwrap(), b"two");
    world.done(&["cp", "s", "name", "other"]);
    world.fails(&["mv", "s", "name", "other"], 6, &["other", "taken"]);
    world.fails(&["cp", "s", "name", "other"], 6, &["other", "taken"]);
    world.done(&["mv", "--force", "s", "name", "other"]);
    assert_eq!(world.names(), "other\n");
    let hidden = fs::read_dir(&world.0)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0, "nothing half written is left");
    world.fails(&["init", "s"], 6, &["already there"]);
}

#[test]
fn paths_and_names_that_cannot_be() {
    let world = World::new();
    world.file("one", b"one");
    world.done(&["put", "s", "one", "file"]);
    world.fails(&["cat", "s", "nowhere"], 3, &["nowhere", "ls"]);
    world.fails(&["put", "s", "missing", "x"], 3, &["missing", "check the path"]);
    world.fails(&["put", "s", "one", "no/where"], 3, &["no/where"]);
    world.fails(&["put", "s", "one", "file/x"], 4, &["file/x", "not a directory"]);
    world.fails(&["get", "s", "file/x/y", "out"], 4, &["file/x/y"]);
    world.fails(&["put", "s", "one", &"n".repeat(256)], 5, &["longer than 255"]);
    world.done(&["put", "s", "one", &"n".repeat(255)]);
    world.fails(&["rm", "s", "/"], 5, &["cannot be a name"]);
    world.fails(&["ls", "elsewhere"], 3, &["elsewhere"]);
    fs::create_dir(world.at("folder")).unwrap();
    world.fails(&["ls", "folder"], 20, &["folder", "not a store", "init"]);
    world.file("noseal", &[0; 8192]);
    world.fails(&["ls", "s", "--seal", "noseal"], 20, &["noseal", "not a seal"]);
    // A name that would move the cursor.
    world.fails(&["cat", "s", "a\u{1b}[2J"], 3, &["a\\u{1b}[2J"]);
}

#[test]
fn an_archive_keeps_extended_attributes_pipes_devices_and_hard_links_and_names_sockets() {
    let world = World::new();
    world.shell(
        "mkdir f; echo a > f/a; mkfifo -m 640 f/pipe; ln f/pipe f/pipe2; ln -s a f/l; ln f/l f/l2; \
         ln f/a f/b; [ $(id -u) != 0 ] || mknod -m 600 f/null c 1 3; touch -d 2001-02-03 f/pipe",
    );
    let set = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(world.at(name), "user.colour", value, XattrFlags::empty()).unwrap();
    };
    set("f/a", b"red\0and blue");
    set("f", b"");
    let _listener = UnixListener::bind(world.at("f/socket")).unwrap();
    let told = &["f/socket is a socket: it is left out", "one thing was not done"];
    world.fails(&["put", "-a", "s", "f", "docs"], 1, told);
    fs::remove_file(world.at("f/socket")).unwrap();
    // Once more over what is there.
    world.shell("mv f docs");
    world.done(&["put", "-a", "--force", "s", "docs", "/"]);
    world.shell("mv docs f");
    world.done(&["cp", "-a", "s", "docs", "copy"]);
    let show = "-printf '%p %y %m %n %s %U %G %T@ %l\\n' | sort; stat -c '%n %t %T' *; \
                [ a -ef b ] && [ pipe -ef pipe2 ] && [ l -ef l2 ] && echo linked";
    let shown = |folder: &str| world.shell(&format!("cd {folder}; find . {show}"));
    for name in ["docs", "copy"] {
        let to = format!("back-{name}");
        world.done(&["get", "-a", "s", name, &to]);
        assert_eq!(shown("f"), shown(&to));
        let value = |name: &str| {
            let mut value = [0; 64];
            let at = world.at(&format!("{to}/{name}"));
            let length = rustix::fs::getxattr(at, "user.colour", &mut value).unwrap();
            value[..length].to_vec()
        };
        assert_eq!((value("a"), value("")), (b"red\0and blue".to_vec(), Vec::new()));
    }
    // Without -a neither pipes nor attributes are copied.
    let told = &["f/pipe is a pipe or a device: it is left out"];
    world.fails(&["put", "-r", "s", "f", "plain"], 1, told);
    world.done(&["get", "-r", "s", "plain", "plain"]);
    assert_eq!(rustix::fs::listxattr(world.at("plain/a"), &mut [0; 64][..]), Ok(0));
}
