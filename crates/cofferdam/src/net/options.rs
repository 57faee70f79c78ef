//! Options that several programs have in common.

use crate::Failure;
use clap::Args;
use netstack::{Addressing, Config};
use nic::Nic;
use nic::memory::Memory as Region;
use nic::spec::{Memory, Spec};
use packet::Pool;
use packet::header::ethernet::Mac;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::str::FromStr;

/// Which device, and how many buffers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Device")]
pub(crate) struct NicOptions {
    /// The device and wrappers around it: `tap:tap0`, `xdp:eth0,queues=2`, `packet:eth0+trace`,
    /// `passt`, `vhost:/run/v.sock`; docs/nic.md has them all
    #[arg(long, value_name = "SPEC", value_parser = spec)]
    pub(crate) nic: Spec,
    /// The pool: buffers for frames, of 4 KiB each, shared by everything on the device
    #[arg(long, default_value_t = 4096, value_name = "COUNT")]
    pub(crate) buffers: usize,
    /// Take the buffers from huge pages
    #[arg(long)]
    pub(crate) huge_pages: bool,
}

impl NicOptions {
    /// Opens the device, one driver for each queue, and the pool for it.
    pub(crate) fn open(&self) -> Result<(Vec<Box<dyn Nic>>, Pool), Failure> {
        let pool = match self.nic.memory() {
            Memory::Plain if !self.huge_pages => Pool::plain(self.buffers),
            Memory::Shared => Pool::registered(Region::shared(self.buffers, self.huge_pages)?),
            _ => Pool::registered(Region::private(self.buffers, self.huge_pages)?),
        };
        Ok((self.nic.open(&pool)?, pool))
    }
}

/// Reads the short form of a device. A mistake is shown on lines of its own, under the text.
pub(super) fn spec(text: &str) -> Result<Spec, String> {
    text.parse().map_err(|mistakes| format!("\n{mistakes}"))
}

/// Who we are on the wire.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Addresses")]
pub(crate) struct AddressOptions {
    /// An address and the length of its network's prefix; may be given several times
    #[arg(long, value_name = "ADDRESS/LENGTH", required_unless_present_any = ["dhcp", "slaac"])]
    pub(crate) address: Vec<Address>,
    /// Where packets for other networks go; one for IPv4, one for IPv6
    #[arg(long, value_name = "ADDRESS", requires = "address")]
    pub(crate) gateway: Vec<IpAddr>,
    /// Ask a DHCP server for an IPv4 address
    #[arg(long)]
    pub(crate) dhcp: bool,
    /// Make an IPv6 address of what routers advertise
    #[arg(long)]
    pub(crate) slaac: bool,
    /// Hardware address; without it the device's own, or a random one
    #[arg(long, value_name = "MAC", value_parser = mac)]
    pub(crate) mac: Option<Mac>,
}

impl AddressOptions {
    /// Whether addresses come from others, and so some time after the start.
    pub(crate) fn is_automatic(&self) -> bool {
        self.dhcp || self.slaac
    }

    /// An interface set up as the options say.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let mut config = Config::new(self.mac.unwrap_or_else(random_mac));
        config.addressing = match (self.dhcp, self.slaac) {
            (true, true) => Addressing::Automatic,
            (true, false) => Addressing::Dhcp,
            (false, true) => Addressing::Slaac,
            (false, false) => Addressing::Static,
        };
        for Address { address, prefix } in &self.address {
            if config.addresses.iter().any(|it| it.ip == *address) {
                return Err(Failure::Usage(format!(
                    "--address {address}/{prefix}: the address is given twice; give it once, with \
                     the length of its network's prefix"
                )));
            }
            config = config.with_address(*address, *prefix);
        }
        for gateway in &self.gateway {
            let taken = match gateway {
                IpAddr::V4(gateway) => config.gateway4.replace(*gateway).is_some(),
                IpAddr::V6(gateway) => config.gateway6.replace(*gateway).is_some(),
            };
            if taken {
                return Err(Failure::Usage(format!(
                    "--gateway {gateway}: there is another one for the same kind of address; \
                     give one for IPv4 and one for IPv6"
                )));
            }
        }
        Ok(config)
    }
}

/// A hardware address that nobody else has, most likely: locally administered, drawn from the
/// operating system's randomness by way of std's hashing keys.
fn random_mac() -> Mac {
    let [b0, b1, b2, b3, b4, ..] = RandomState::new().hash_one("hardware address").to_be_bytes();
    Mac([0x02, b0, b1, b2, b3, b4])
}

/// An address with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write it like 10.0.0.2/24 or fd00::2/64";
        let (address, prefix) = text
            .split_once('/')
            .ok_or_else(|| format!("the prefix length is missing; {example}"))?;
        let address: IpAddr =
            address.parse().map_err(|_| format!("`{address}` is no IP address; {example}"))?;
        if address.is_unspecified() || address.is_multicast() {
            return Err(format!("`{address}` cannot be one interface's own; {example}"));
        }
        let longest = if address.is_ipv4() { 32 } else { 128 };
        match prefix.parse() {
            Ok(prefix) if prefix <= longest => Ok(Self { address, prefix }),
            _ => Err(format!("the prefix length is 0 to {longest}, not `{prefix}`; {example}")),
        }
    }
}

fn mac(text: &str) -> Result<Mac, String> {
    let mistake = || format!("`{text}` is no hardware address; write it like 02:00:00:00:00:01");
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let two_digits = |part: &&str| part.len() == 2 && !part.starts_with('+');
        let part = parts.next().filter(two_digits).ok_or_else(mistake)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| mistake())?;
    }
    if parts.next().is_some() {
        return Err(mistake());
    }
    let mac = Mac(bytes);
    if mac.is_multicast() {
        return Err(format!("{mac} stands for a group; make the first byte even"));
    }
    if bytes == [0; 6] {
        return Err("all zeros is nobody's address; any other even one will do".into());
    }
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_prefix_that_fits() {
        assert_eq!(
            "10.0.0.2/24".parse(),
            Ok(Address { address: IpAddr::from([10, 0, 0, 2]), prefix: 24 })
        );
        assert!("fd00::2/128".parse::<Address>().is_ok());
        let wrong = ["10.0.0.2", "10.0.0.2/33", "10.0.0/24", "fd00::2/129", "/", "1.2.3.4/-1"];
        for wrong in wrong.into_iter().chain(["0.0.0.0/0", "224.0.0.1/4", "ff02::1/64"]) {
            let message = wrong.parse::<Address>().unwrap_err();
            assert!(message.contains("10.0.0.2/24"), "{wrong}: {message}");
        }
    }

    #[test]
    fn hardware_addresses_are_somebodys() {
        assert_eq!(mac("02:00:00:00:00:fe"), Ok(Mac([2, 0, 0, 0, 0, 0xfe])));
        let wrong = [
            "",
            "02",
            "02:00:00:00:00:0g",
            "02:00:00:00:00:00:00",
            "2:0:0:0:0:1",
            "+2:00:00:00:00:01",
            "01:00:00:00:00:01",
            "00:00:00:00:00:00",
        ];
        for wrong in wrong {
            assert!(mac(wrong).is_err(), "{wrong}");
        }
    }
}
