//! What this process may do beyond an ordinary user.

use super::finding::Finding;
use std::fs;

/// The capabilities that drivers ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capability {
    NetAdmin = 12,
    NetRaw = 13,
    IpcLock = 14,
    SysAdmin = 21,
    Bpf = 39,
}

/// The effective capabilities of a process.
pub(super) struct Privileges {
    bits: u64,
    root: bool,
}

impl Privileges {
    /// Of this process; none if `/proc` does not say.
    pub(super) fn of_this_process() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let root = rustix::process::geteuid().is_root();
        Self { bits: effective(&status).unwrap_or(0), root }
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.bits >> (capability as u32) & 1 == 1
    }

    /// Whether a program for the network card may be loaded.
    pub(super) fn may_load_programs(&self) -> bool {
        let bpf = self.has(Capability::Bpf) || self.has(Capability::SysAdmin);
        bpf && self.has(Capability::NetAdmin)
    }

    /// Who we are.
    pub(super) fn finding(&self) -> Finding {
        let (name, purpose) = ("privileges", "drivers of real devices");
        let wanted = [
            (Capability::NetAdmin, "CAP_NET_ADMIN"),
            (Capability::NetRaw, "CAP_NET_RAW"),
            (Capability::Bpf, "CAP_BPF"),
        ];
        let (there, missing): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|(capability, _)| self.has(*capability));
        let names = |list: &[(Capability, &'static str)]| {
            list.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
        };
        let who = if self.root { "root" } else { "an ordinary user" };
        let way = "run as root, or give the program what it needs: \
                   sudo setcap cap_net_admin,cap_net_raw,cap_bpf+ep cofferdam; \
                   `passt` and the in-memory wire need nothing";
        if missing.is_empty() {
            Finding::yes(name, purpose, format!("{who} with {}", names(&there)))
        } else if there.is_empty() {
            Finding::no(name, purpose, format!("{who} without {}", names(&missing)), way)
        } else {
            let detail = format!("{who} with {}, without {}", names(&there), names(&missing));
            Finding::partly(name, purpose, detail, way)
        }
    }
}

/// The line of `/proc/PID/status`.
fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// Whether an ordinary user may make namespaces, and so a private network to play in.
pub(super) fn user_namespaces() -> Finding {
    let number = |file: &str| -> Option<u64> {
        fs::read_to_string(format!("/proc/sys/{file}")).ok()?.trim().parse().ok()
    };
    namespaces(
        number("user/max_user_namespaces"),
        number("kernel/unprivileged_userns_clone"),
        number("kernel/apparmor_restrict_unprivileged_userns"),
    )
}

fn namespaces(most: Option<u64>, debian: Option<u64>, apparmor: Option<u64>) -> Finding {
    let (name, purpose) = ("user namespaces", "private networks without root");
    match (most, debian, apparmor) {
        (None, _, _) => Finding::no(
            name,
            purpose,
            "the kernel has none",
            "the kernel must be built with CONFIG_USER_NS",
        ),
        (Some(0), _, _) => Finding::no(
            name,
            purpose,
            "user.max_user_namespaces is 0",
            "allow them: sudo sysctl user.max_user_namespaces=10000",
        ),
        (_, Some(0), _) => Finding::no(
            name,
            purpose,
            "kernel.unprivileged_userns_clone is 0",
            "allow them: sudo sysctl kernel.unprivileged_userns_clone=1",
        ),
        (_, _, Some(1)) => Finding::no(
            name,
            purpose,
            "AppArmor forbids them to ordinary users",
            "allow them: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (Some(most), _, _) => Finding::yes(name, purpose, format!("up to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Answer;
    use super::*;

    #[test]
    fn capabilities_are_read_from_status() {
        let bits = effective("Name:\ta\nCapEff:\t0000008000003000\n").unwrap();
        let some = Privileges { bits, root: false };
        assert!(some.has(Capability::NetRaw) && some.has(Capability::Bpf));
        assert!(some.may_load_programs() && !some.has(Capability::IpcLock));
        assert_eq!(some.finding().answer, Answer::Yes);
        let none = Privileges { bits: 0, root: true };
        assert!(none.finding().detail.contains("root without CAP_NET_ADMIN"));
        assert_eq!(effective("CapEff: xyz"), None);
    }

    #[test]
    fn each_ban_on_namespaces_is_named() {
        assert_eq!(namespaces(Some(9), None, None).answer, Answer::Yes);
        assert_eq!(namespaces(Some(9), Some(1), Some(0)).answer, Answer::Yes);
        let ways = [
            namespaces(None, None, None),
            namespaces(Some(0), Some(1), None),
            namespaces(Some(9), Some(0), None),
            namespaces(Some(9), Some(1), Some(1)),
        ];
        assert!(ways.iter().all(|finding| finding.answer == Answer::No && finding.way.is_some()));
    }
}
