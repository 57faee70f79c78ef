//! DPDK from Debian, as a peer and as a source of load. It is a tool of the benches and never of
//! the build.
//!
//! A [`Process`] runs only while it is [`Process::awake`]: DPDK spins, and would spoil the turn of
//! the other side. It dies with whoever started it.

use bench::frame::HugePages;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{Read, Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Debian packages that this module needs.
pub(crate) const PACKAGES: &[&str] =
    &["dpdk", "dpdk-dev", "libdpdk-dev", "dpdk-doc", "gcc", "make", "pkg-config"];

/// How long DPDK may take to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Megabytes of huge pages that each takes as it starts.
const MEGABYTES: &str = "128";
/// Bytes of huge pages that all processes of a contest need together: of at most three.
const HUGE: usize = 512 << 20;
/// Buffers of testpmd's, more than its rings hold. Unless it is told it makes ten times as many,
/// which can take longer than anybody waits: each is touched, and the machine may have to find
/// the memory first.
const BUFFERS: usize = 16_384;
/// Its last lines that are told when it ended or fell silent.
const LAST_WORDS: usize = 4;

/// One process of DPDK's.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: Receiver<String>,
    /// What it has said that nobody asked for yet.
    said: String,
    /// Dropped after the process has ended.
    _huge: Arc<HugePages>,
}

impl Process {
    /// Starts `program`; it is awake.
    fn start(name: &'static str, program: &Path, arguments: &[String]) -> Result<Self, String> {
        let huge = huge_pages()?;
        let failed = |error| format!("{name} did not start: {error}");
        // Errors come in between the rest, so that its last words are the reason.
        let (mut output, out) = pipe().map_err(failed)?;
        let errors = out.try_clone().map_err(failed)?;
        // It writes to a pipe, so it must be told to give each line at once.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "stdbuf", "-oL"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .map_err(failed)?;
        let input = child.stdin.take().ok_or_else(|| format!("{name} has no input"))?;
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                if sender.send(String::from_utf8_lossy(&chunk[..count]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { name, child, input, output: receiver, said: String::new(), _huge: huge })
    }

    /// Gives it a command.
    pub(crate) fn tell(&mut self, command: &str) -> Result<(), String> {
        writeln!(self.input, "{command}")
            .map_err(|error| format!("{} takes no commands any more: {error}", self.name))
    }

    /// Waits until it says `text`, and gives all it said until then.
    pub(crate) fn hear(&mut self, text: &str) -> Result<String, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.said.find(text) {
                let rest = self.said.split_off(place + text.len());
                return Ok(std::mem::replace(&mut self.said, rest));
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(more) => self.said.push_str(&more),
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = PATIENCE.as_secs();
                    let words = last_words(&self.said);
                    return Err(format!(
                        "{} did not say `{text}` within {seconds} s; {words}",
                        self.name
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status =
                        self.child.wait().map_or_else(|e| e.to_string(), |s| s.to_string());
                    let words = last_words(&self.said);
                    return Err(format!("{} ended ({status}); {words}", self.name));
                }
            }
        }
    }

    /// Forgets what it has said so far.
    pub(crate) fn forget(&mut self) {
        self.said.clear();
        while self.output.try_recv().is_ok() {}
    }

    /// For how long its first thread has run on a core so far. The kernel brings this up to date a
    /// few hundred times a second.
    pub(crate) fn running_time(&self) -> Result<Duration, String> {
        let id = self.child.id();
        let text = fs::read_to_string(format!("/proc/{id}/task/{id}/schedstat")).ok();
        let nanoseconds = text.as_deref().and_then(|text| text.split(' ').next()?.parse().ok());
        nanoseconds
            .map(Duration::from_nanos)
            .ok_or_else(|| format!("the kernel does not tell how long {} has run", self.name))
    }

    /// Lets it run, or stops it where it is.
    pub(crate) fn awake(&self, awake: bool) {
        let signal = if awake { Signal::CONT } else { Signal::STOP };
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It is our child and not waited for, so the number is still its own.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Huge pages for all processes that run at the same time; given back with the last of them.
fn huge_pages() -> Result<Arc<HugePages>, String> {
    static SHARED: Mutex<Weak<HugePages>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pages) = shared.upgrade() {
        return Ok(pages);
    }
    let pages = Arc::new(HugePages::of(HUGE).map_err(|error| format!("DPDK: {error}"))?);
    *shared = Arc::downgrade(&pages);
    Ok(pages)
}

/// The end of what a process said, in one line.
fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match &lines[lines.len().saturating_sub(LAST_WORDS)..] {
        [] => "it said nothing".into(),
        last => format!("its last words: {}", last.join(" | ")),
    }
}

/// DPDK's example `l2fwd` between two null devices on core `core`, in set-up *null*: frames of
/// `size` bytes, copied in and out or not. It prints its statistics once a second.
pub(crate) fn l2fwd(core: usize, size: usize, copy: bool) -> Result<Process, String> {
    let device = |number| format!("--vdev=net_null{number},size={size},copy={}", usize::from(copy));
    let core = core.to_string();
    let mut arguments: Vec<String> =
        ["-l", &core, "--in-memory", "-m", MEGABYTES, "--no-pci"].map(String::from).into();
    arguments.extend([device(0), device(1)]);
    arguments.extend(["--", "-p", "3", "-q", "2", "-T", "1", "--portmap=(0,1)"].map(String::from));
    let mut process = Process::start("l2fwd", built_l2fwd()?, &arguments)?;
    process.hear("Aggregate statistics")?;
    Ok(process)
}

/// The example's program, built once, in a folder for temporary files.
fn built_l2fwd() -> Result<&'static Path, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(build_l2fwd).as_deref().map_err(Clone::clone)
}

fn build_l2fwd() -> Result<PathBuf, String> {
    let source = Path::new("/usr/share/dpdk/examples/l2fwd");
    let packages = PACKAGES.join(" ");
    let missing = |what: &str| {
        format!("DPDK's example l2fwd {what}; `apt-get install --no-install-recommends {packages}`")
    };
    let folder = std::env::temp_dir().join("cofferdam-bench-l2fwd");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for file in ["Makefile", "main.c"] {
        fs::copy(source.join(file), folder.join(file)).map_err(|_| missing("is not there"))?;
    }
    let made = Command::new("make").arg("-s").arg("-C").arg(&folder).output();
    if !made.is_ok_and(|made| made.status.success()) {
        return Err(missing("does not build"));
    }
    Ok(folder.join("build/l2fwd"))
}

/// The two sockets between a load and a forwarder.
#[derive(Clone, Debug)]
pub(crate) struct Sockets(pub(crate) [PathBuf; 2]);

impl Sockets {
    /// Sockets for a contest's side.
    fn new(side: &str) -> Self {
        let path = |port| {
            std::env::temp_dir().join(format!("cofferdam-{side}-{port}-{}", std::process::id()))
        };
        Self([path(0), path(1)])
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// What both sides of set-up *vhost* forward: frames of `size` bytes from two `net_vhost` devices
/// on core `core`, generated as fast as they are taken, and counted when they come back.
pub(crate) fn load(core: usize, side: &str, size: usize) -> Result<(Process, Sockets), String> {
    let sockets = Sockets::new(side);
    let device = |port: usize| {
        format!("--vdev=net_vhost{port},iface={},queues=1", sockets.0[port].display())
    };
    // What people call a frame of 64 bytes has 4 of checksum at its end, which no virtual device
    // carries; DPDK takes them off.
    let mode = ["--forward-mode=flowgen".into(), format!("--txpkts={size}")];
    let mut process = testpmd("the load", [core, core], &[device(0), device(1)], &mode)?;
    process.tell("start")?;
    process.hear("testpmd> ")?;
    Ok((process, sockets))
}

/// DPDK's own forwarder between the sockets of a load, on core `core`, through
/// `net_virtio_user`; it records its busy cycles. (Its main thread, which only reads commands,
/// is on core `main`.)
pub(crate) fn forwarder(main: usize, core: usize, sockets: &Sockets) -> Result<Process, String> {
    let device =
        |port: usize| format!("--vdev=net_virtio_user{port},path={}", sockets.0[port].display());
    let mode = ["--forward-mode=mac".into()];
    let mut process = testpmd("testpmd", [main, core], &[device(0), device(1)], &mode)?;
    for command in ["set record-core-cycles on", "start"] {
        process.tell(command)?;
        process.hear("testpmd> ")?;
    }
    Ok(process)
}

fn testpmd(
    name: &'static str,
    cores: [usize; 2],
    devices: &[String],
    mode: &[String],
) -> Result<Process, String> {
    let program = Path::new("/usr/bin/dpdk-testpmd");
    if !program.exists() {
        let packages = PACKAGES.join(" ");
        return Err(format!(
            "no dpdk-testpmd; `apt-get install --no-install-recommends {packages}`"
        ));
    }
    let mut arguments = vec![format!("--lcores=0@{},1@{}", cores[0], cores[1])];
    arguments.extend(
        ["--in-memory", "-m", MEGABYTES, "--no-pci", "--single-file-segments"].map(String::from),
    );
    arguments.extend_from_slice(devices);
    arguments.extend(["--", "-i", "--nb-cores=1"].map(String::from));
    arguments.push(format!("--total-num-mbufs={BUFFERS}"));
    arguments.extend_from_slice(mode);
    let mut process = Process::start(name, program, &arguments)?;
    process.hear("testpmd> ")?;
    Ok(process)
}

/// The number behind the first `label` in what DPDK said.
pub(crate) fn number(text: &str, label: &str) -> Option<f64> {
    let rest = text.split_once(label)?.1.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{last_words, number};

    #[test]
    fn last_words_are_the_end_and_fit_a_line() {
        assert_eq!(last_words(" \n"), "it said nothing");
        assert_eq!(last_words("EAL: no pages\n\n"), "its last words: EAL: no pages");
        assert_eq!(last_words("1\n2\n3\r\n4\n5"), "its last words: 2 | 3 | 4 | 5");
    }

    #[test]
    fn numbers_are_found_behind_their_first_label() {
        let text = "419.81 (total cycles=3649415889 / total mac packets=8693024) at 2300 MHz Clock";
        assert_eq!(number(text, ""), Some(419.81));
        assert_eq!(number(text, "packets="), Some(8_693_024.0));
        assert_eq!(number(text, "total"), None);
        assert_eq!(number(text, "rx="), None);
    }
}
