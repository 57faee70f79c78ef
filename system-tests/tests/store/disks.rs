//! fio: every block that it writes says what it is, so that one that is lost, old or elsewhere is
//! noticed, also when the store was closed and opened in between.

use crate::folder::Folder;
use crate::program::{ended, said};
use crate::reader::prove;
use crate::serving::Serving;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

/// Six jobs at once. `verify_backlog` is not for them: with it fio itself, on any file system, looks
/// for other blocks with `--verify_only` than it has written.
const JOBS: &str = "
[global]
verify=crc32c
verify_fatal=1
verify_state_save=0
randseed=7
fallocate=none
end_fsync=1
size=16m

[random-of-any-size]
rw=randwrite
bsrange=512-1m
blockalign=512

[one-after-the-other]
rw=write
bsrange=512-1m

[safe-at-every-step]
rw=randwrite
bs=4k
size=2m
fsync=8

[reading-and-writing]
rw=randrw
rwmixread=40
bs=8k

[small]
rw=randwrite
bs=512
size=2m

[mapped]
ioengine=mmap
rw=randwrite
bs=4k
";

fn fio(folder: &Folder) -> Command {
    system_tests::tool("fio", "fio");
    let mut command = Command::new("fio");
    command.arg(folder.at("jobs")).current_dir(folder.mount());
    command
}

#[test]
fn every_block_that_fio_wrote_is_there_before_and_after_closing() {
    let folder = Folder::new();
    fs::write(folder.at("jobs"), JOBS).unwrap();
    let serving = Serving::new(&folder);
    said(&mut fio(&folder), 60);
    let serving = prove(serving, &folder);
    said(fio(&folder).arg("--verify_only"), 60);
    // It would have told.
    let name = folder.mount().join("mapped.0.0");
    let file = File::options().write(true).open(name).unwrap();
    file.write_all_at(b"something else", 1 << 20).unwrap();
    let output = ended(fio(&folder).arg("--verify_only"), 60);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("verify: "), "{errors}");
    drop(file);
    serving.end();
}
