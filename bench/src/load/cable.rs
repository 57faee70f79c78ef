//! The wire between server and client.

use super::urgency::hurry;
use super::{CLIENT, CLIENT_MAC, LOAD, SERVER, SERVER_MAC, SERVICE};
use bench::frame::keep_on_core;
use nic::xdp::Relay;
use packet::header::ethernet::Mac;
use std::fs;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use system_tests::Namespace;

/// A veth pair between two namespaces. Linux has [`SERVER`] at the server's end, if it is wanted
/// there, and no address at the client's.
pub(crate) struct Cable {
    /// Where the server is, and how its interface is called.
    pub(crate) server: Namespace,
    pub(crate) near: String,
    /// Where the client is, and how its interface is called.
    pub(crate) client: Namespace,
    pub(crate) far: String,
    /// Where the client sends: a veth pair's end, whose other end is relayed to `far`.
    pub(crate) mouth: String,
    relayed: String,
}

/// Names that no other interfaces on the machine have: kernel threads are found by them.
fn names() -> [String; 4] {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    ["n", "f", "m", "r"].map(|kind| format!("{kind}{count}p{process}"))
}

/// Makes a veth pair of one queue.
fn pair(namespace: &Namespace, one: &str, other: &str) {
    let queue = ["numrxqueues", "1", "numtxqueues", "1"];
    let mut command = vec!["ip", "link", "add", one];
    command.extend(queue);
    command.extend(["type", "veth", "peer", "name", other]);
    command.extend(queue);
    namespace.output(&command);
}

impl Cable {
    /// A new one. `served_by_linux`: whether Linux itself is to answer at the server's end.
    pub(crate) fn new(served_by_linux: bool) -> Result<Self, String> {
        with_rights()?;
        orderly(|| Self::made(served_by_linux))
    }

    fn made(served_by_linux: bool) -> Self {
        let (server, client) = (Namespace::new(), Namespace::new());
        let [near, far, mouth, relayed] = names();
        pair(&server, &near, &far);
        pair(&client, &mouth, &relayed);
        server.output(&["ip", "link", "set", &far, "netns", &client.thread()]);
        set_up(&server, &near, SERVER_MAC);
        // Not the address that the client uses: so Linux there throws answers away at once, which
        // the client's rings have seen before.
        set_up(&client, &far, Mac([2, 0, 0, 0, 0, 0xff]));
        set_up(&client, &mouth, Mac([2, 0, 0, 0, 0, 0xfe]));
        set_up(&client, &relayed, Mac([2, 0, 0, 0, 0, 0xfd]));
        leave_polling_to_reader(&client, &far);
        if served_by_linux {
            server.output(&["ip", "address", "add", &format!("{SERVER}/24"), "dev", &near]);
            let (ip, mac) = (CLIENT.to_string(), CLIENT_MAC.to_string());
            server.output(&["ip", "neighbour", "add", &ip, "lladdr", &mac, "dev", &near]);
        }
        for (namespace, name) in [(&server, &near), (&client, &far)] {
            system_tests::eventually("the cable carries frames", || {
                namespace.output(&["ip", "link", "show", name]).contains("state UP")
            });
        }
        Self { server, near, client, far, mouth, relayed }
    }

    /// From now on what the client sends at its mouth goes through the cable. The server's end must
    /// be open.
    pub(crate) fn relay(&self) -> Result<Relay, String> {
        let (from, to) = (self.relayed.clone(), self.far.clone());
        self.client.run(move || Relay::attach(&from, &to)).map_err(|error| error.to_string())
    }

    /// Keeps the kernel's threads of both ends on the cores they serve; gives those of the
    /// server's end. To be called when everything is open.
    pub(crate) fn settle(&self) -> Result<Vec<i32>, String> {
        let served = threads(&self.near);
        if served.is_empty() {
            return Err(format!(
                "{}: this kernel does not receive in a thread of its own (Linux 5.12 does), so \
                 the server's work cannot be told from the client's",
                self.near
            ));
        }
        for thread in &served {
            keep_on_core(*thread, SERVICE)?;
            hurry(*thread);
        }
        for name in [&self.far, &self.mouth, &self.relayed] {
            for thread in threads(name) {
                keep_on_core(thread, LOAD)?;
                hurry(thread);
            }
        }
        Ok(served)
    }
}

/// An error that says what to do, if namespaces cannot be had.
pub(crate) fn with_rights() -> Result<(), String> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err("needs root, for network namespaces: `sudo -E cargo xtask bench …`".into())
}

/// What a job gives, or what it panicked with: what makes the namespaces panics when it cannot.
pub(crate) fn orderly<T>(job: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(job)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
    })
}

fn set_up(namespace: &Namespace, name: &str, mac: Mac) {
    namespace.output(&["ip", "link", "set", name, "address", &mac.to_string()]);
    namespace.output(&["ip", "link", "set", name, "addrgenmode", "none"]);
    // With these a veth end has interrupt work of its own; else whoever sends does it.
    system_tests::tool("ethtool", "ethtool");
    namespace.output(&["ethtool", "-K", name, "gro", "on", "tso", "off"]);
    namespace.output(&["ip", "link", "set", name, "up"]);
    write(namespace, name, &[("threaded", 1)]);
}

/// Has the kernel leave it to whoever reads frames of an interface to look for them, so that who
/// sends them wakes nobody; see `xdp::Options::busy_poll`.
fn leave_polling_to_reader(namespace: &Namespace, name: &str) {
    write(namespace, name, &[("napi_defer_hard_irqs", 2), ("gro_flush_timeout", 200_000)]);
}

/// Writes settings of an interface.
fn write(namespace: &Namespace, name: &str, settings: &[(&str, u32)]) {
    // The files are in the namespace's own view of /sys, which this shell alone sees.
    let writes =
        settings.iter().map(|(file, value)| format!("echo {value} > /sys/class/net/{name}/{file}"));
    let all = iter::once("mount -t sysfs sysfs /sys".into()).chain(writes);
    let script = all.collect::<Vec<_>>().join(" && ");
    namespace.output(&["unshare", "--mount", "sh", "-c", &script]);
}

/// The kernel's threads that receive for an interface.
fn threads(name: &str) -> Vec<i32> {
    let begins = format!("napi/{name}-");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number: &i32| {
            fs::read_to_string(format!("/proc/{number}/comm"))
                .is_ok_and(|name| name.starts_with(&begins))
        })
        .collect()
}
