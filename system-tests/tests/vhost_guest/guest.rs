//! A virtual machine with Debian's kernel, busybox, and a script.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use system_tests::{Namespace, Process, tool};

/// Bytes that are pinged with: one frame, a full one, and fragments.
pub(crate) const SIZES: [usize; 3] = [56, 1472, 20_000];

/// Modules in the order in which they need one another.
const MODULES: [&str; 8] = [
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci",
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
];

/// A running machine. Dropping it kills it.
pub(crate) struct Guest {
    process: Process,
    /// Its namespace, which has no way out.
    _namespace: Namespace,
    console: PathBuf,
}

impl Guest {
    /// Starts a machine whose network card is behind `socket`.
    pub(crate) fn boot(socket: &Path) -> Self {
        tool("qemu-system-x86_64", "qemu-system-x86");
        tool("busybox", "busybox-static");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("vhost-guest");
        fs::create_dir_all(&folder).unwrap();
        let (kernel, modules) = kernel(&folder);
        let (initramfs, console) = (folder.join("initramfs"), folder.join("console"));
        fs::write(&initramfs, archive(&modules)).unwrap();
        fs::write(&console, "").unwrap();
        let chardev = format!("socket,id=c,path={}", socket.display());
        let serial = format!("file:{}", console.display());
        let command = [
            "qemu-system-x86_64",
            "-accel",
            "tcg",
            "-cpu",
            "max",
            "-m",
            "256M",
            "-display",
            "none",
            "-nodefaults",
            "-object",
            "memory-backend-memfd,id=m,size=256M,share=on",
            "-machine",
            "q35,memory-backend=m",
            "-chardev",
            &chardev,
            "-netdev",
            "vhost-user,id=n,chardev=c",
            "-device",
            "virtio-net-pci,netdev=n,mac=02:00:00:00:07:02,vectors=0",
            "-serial",
            &serial,
            "-kernel",
            &kernel.display().to_string(),
            "-initrd",
            &initramfs.display().to_string(),
            "-append",
            "console=ttyS0 quiet panic=-1 no_timer_check",
        ];
        // `vectors=0`: Debian 12's QEMU falls over its own feet (a null pointer) when it starts a
        // vhost-user card with MSI-X vectors on an emulated processor; a plain interrupt works.
        let namespace = Namespace::new();
        let process = namespace.start(&command);
        Self { process, _namespace: namespace, console }
    }

    /// What the guest said.
    pub(crate) fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.console).unwrap()).into_owned()
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.process.runs()
    }
}

/// Debian's small kernel and its modules: installed, or unpacked into `folder`, where they stay.
fn kernel(folder: &Path) -> (PathBuf, PathBuf) {
    if let Some(found) = kernel_in(Path::new("/")).or_else(|| kernel_in(folder)) {
        return found;
    }
    let fetch = "package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends/{print $2}') \
                 && apt-get download \"$package\" && dpkg -x \"$package\"_*.deb . && rm *.deb";
    let done = Command::new("sh").args(["-c", fetch]).current_dir(folder).output().unwrap();
    kernel_in(folder).unwrap_or_else(|| {
        panic!(
            "this test needs Debian's kernel: `sudo apt-get update`, or `sudo apt-get install -y \
             --no-install-recommends linux-image-cloud-amd64`: {}",
            String::from_utf8_lossy(&done.stderr)
        )
    })
}

fn kernel_in(root: &Path) -> Option<(PathBuf, PathBuf)> {
    let boot = fs::read_dir(root.join("boot")).ok()?;
    boot.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let version = name.strip_prefix("vmlinuz-").filter(|v| v.ends_with("-cloud-amd64"))?;
        let modules = root.join("lib/modules").join(version).join("kernel");
        modules.is_dir().then(|| (entry.path(), modules))
    })
}

/// What the guest does.
fn script() -> String {
    let mut script = String::from("#!/bin/busybox sh\n");
    script.push_str("/bin/busybox mount -t proc proc /proc\n");
    for module in MODULES {
        script.extend(["/bin/busybox insmod /", name(module), ".ko\n"]);
    }
    script.push_str(
        "/bin/busybox ip link set eth0 up\n/bin/busybox ip addr add 10.7.0.2/24 dev eth0\n",
    );
    for size in SIZES {
        let size = size.to_string();
        script.extend(["/bin/busybox ping -q -c 3 -W 10 -s ", &size, " 10.7.0.1"]);
        script.extend([" && echo 'PING ", &size, " OK'\n"]);
    }
    script.push_str("/bin/busybox timeout 1 /bin/busybox nslookup example 10.7.0.1\n");
    script.push_str("echo 'GUEST DONE'\n/bin/busybox sleep 1\n/bin/busybox reboot -f\n");
    script
}

fn name(module: &str) -> &str {
    module.rsplit_once('/').map_or(module, |(_, name)| name)
}

/// The first file system of the guest, as the kernel unpacks it (cpio, "newc").
fn archive(modules: &Path) -> Vec<u8> {
    let busybox = Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap();
    let busybox = String::from_utf8(busybox.stdout).unwrap();
    let mut archive = Vec::new();
    for folder in ["bin", "proc", "dev"] {
        put(&mut archive, folder, 0o040_755, (0, 0), &[]);
    }
    put(&mut archive, "dev/console", 0o020_600, (5, 1), &[]);
    put(&mut archive, "bin/busybox", 0o100_755, (0, 0), &fs::read(busybox.trim()).unwrap());
    put(&mut archive, "init", 0o100_755, (0, 0), script().as_bytes());
    for module in MODULES {
        let bytes = fs::read(modules.join(format!("{module}.ko"))).unwrap();
        put(&mut archive, &format!("{}.ko", name(module)), 0o100_644, (0, 0), &bytes);
    }
    put(&mut archive, "TRAILER!!!", 0, (0, 0), &[]);
    archive
}

fn put(archive: &mut Vec<u8>, name: &str, mode: u32, (major, minor): (u32, u32), bytes: &[u8]) {
    let (len, name_len) = (bytes.len() as u32, name.len() as u32 + 1);
    let inode = archive.len() as u32;
    archive.extend_from_slice(b"070701");
    for field in [inode, mode, 0, 0, 1, 0, len, 0, 0, major, minor, name_len, 0] {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(4), 0);
}
