//! The forms that values have: how each is read, printed, and described.

use super::mistake::nearest;
use crate::passt::Forward;
use crate::wrap::faults::Share;
use core::num::NonZeroU16;
use core::time::Duration;
use packet::header::ethernet::Mac;
use std::path::PathBuf;

/// How values of one kind are written.
pub(super) trait Form<T> {
    /// What it is, for people: `a time (10ms, 1.5s)`.
    fn words(&self) -> String;
    /// Reads a value, or says what would be one.
    fn read(&self, text: &str) -> Result<T, String>;
    /// Prints a value so that it reads the same.
    fn print(&self, value: &T) -> String;
    /// What the key alone means.
    fn alone(&self) -> Option<T> {
        None
    }
}

/// `on` or `off`; the key alone is `on`.
pub(super) struct Switch;

impl Form<bool> for Switch {
    fn words(&self) -> String {
        "`on` or `off`".into()
    }

    fn read(&self, text: &str) -> Result<bool, String> {
        match text {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(format!("this is {}, not `{text}`", self.words())),
        }
    }

    fn print(&self, value: &bool) -> String {
        if *value { "on" } else { "off" }.into()
    }

    fn alone(&self) -> Option<bool> {
        Some(true)
    }
}

/// A whole number from the first to the second.
pub(super) struct Number(pub(super) u64, pub(super) u64);

impl<T: TryFrom<u64> + Copy> Form<T> for Number
where
    u64: TryFrom<T>,
{
    fn words(&self) -> String {
        format!("{} to {}", self.0, self.1)
    }

    fn read(&self, text: &str) -> Result<T, String> {
        let wrong = || format!("this is a number from {} to {}, not `{text}`", self.0, self.1);
        let number = text.parse::<u64>().map_err(|_| wrong())?;
        if !(self.0..=self.1).contains(&number) {
            return Err(wrong());
        }
        T::try_from(number).map_err(|_| wrong())
    }

    fn print(&self, value: &T) -> String {
        u64::try_from(*value).unwrap_or_default().to_string()
    }
}

/// One of several words.
pub(super) struct Choice<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Form<T> for Choice<T> {
    fn words(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|(word, _)| format!("`{word}`")).collect();
        words.join(" or ")
    }

    fn read(&self, text: &str) -> Result<T, String> {
        if let Some((_, value)) = self.0.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let meant = nearest(text, self.0.iter().map(|(word, _)| *word));
        let meant = meant.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        Err(format!("this is {}, not `{text}`{meant}", self.words()))
    }

    fn print(&self, value: &T) -> String {
        let word = self.0.iter().find(|(_, known)| known == value).map(|(word, _)| *word);
        word.unwrap_or_default().into()
    }
}

/// The name of a network interface.
pub(super) struct Interface;

/// Most bytes of such a name; Linux keeps one more for the zero at its end.
const LONGEST_NAME: usize = 15;

impl Form<String> for Interface {
    fn words(&self) -> String {
        "the name of an interface".into()
    }

    fn read(&self, text: &str) -> Result<String, String> {
        if text.len() > LONGEST_NAME {
            return Err(format!("an interface's name has at most {LONGEST_NAME} letters"));
        }
        let odd = |letter: char| letter == '/' || letter == '%' || letter.is_whitespace();
        if text.is_empty() || text == "." || text == ".." || text.contains(odd) {
            return Err(format!("`{text}` cannot be the name of an interface"));
        }
        Ok(text.into())
    }

    fn print(&self, value: &String) -> String {
        value.clone()
    }
}

/// A hardware address.
pub(super) struct Address;

impl Form<Mac> for Address {
    fn words(&self) -> String {
        "a hardware address (`02:00:00:00:00:01`)".into()
    }

    fn read(&self, text: &str) -> Result<Mac, String> {
        let wrong = || format!("this is {}, not `{text}`", self.words());
        let mut mac = Mac::default();
        let mut pairs = text.split(':');
        for byte in &mut mac.0 {
            let pair = pairs.next().filter(|pair| pair.len() == 2 && !pair.starts_with('+'));
            *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(wrong)?;
        }
        if pairs.next().is_some() {
            return Err(wrong());
        }
        if mac.is_multicast() {
            return Err(format!("`{text}` is the address of a group, not of one device"));
        }
        Ok(mac)
    }

    fn print(&self, value: &Mac) -> String {
        value.to_string()
    }
}

/// The path of a file.
pub(super) struct File;

impl Form<PathBuf> for File {
    fn words(&self) -> String {
        "a path".into()
    }

    fn read(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() || text.contains('\0') {
            return Err("a path is missing here".into());
        }
        Ok(text.into())
    }

    fn print(&self, value: &PathBuf) -> String {
        value.display().to_string()
    }
}

/// A value that need not be there.
pub(super) struct Optional<F>(pub(super) F);

impl<T, F: Form<T>> Form<Option<T>> for Optional<F> {
    fn words(&self) -> String {
        self.0.words()
    }

    fn read(&self, text: &str) -> Result<Option<T>, String> {
        self.0.read(text).map(Some)
    }

    fn print(&self, value: &Option<T>) -> String {
        value.as_ref().map(|value| self.0.print(value)).unwrap_or_default()
    }
}

/// A time with its unit.
pub(super) struct Time;

/// Units of time, and how many decimal places of a second each leaves.
const TIMES: [(&str, u32); 4] = [("ms", 6), ("us", 3), ("ns", 0), ("s", 9)];

impl Form<Duration> for Time {
    fn words(&self) -> String {
        "a time (`500us`, `10ms`, `1.5s`)".into()
    }

    fn read(&self, text: &str) -> Result<Duration, String> {
        let mut units = TIMES.iter();
        units
            .find_map(|(unit, places)| decimal(text.strip_suffix(unit)?, *places))
            .map(Duration::from_nanos)
            .ok_or_else(|| format!("this is {}, not `{text}`", self.words()))
    }

    fn print(&self, value: &Duration) -> String {
        let nanoseconds = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        for (unit, size) in [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)] {
            if nanoseconds.is_multiple_of(size) {
                return format!("{}{unit}", nanoseconds / size);
            }
        }
        format!("{nanoseconds}ns")
    }
}

/// A share of all frames.
pub(super) struct Percent;

impl Form<Share> for Percent {
    fn words(&self) -> String {
        "a percentage (`1%`, `0.05%`)".into()
    }

    fn read(&self, text: &str) -> Result<Share, String> {
        let number = text.strip_suffix('%').and_then(|number| decimal(number, 4));
        match number.and_then(|number| u32::try_from(number).ok()) {
            Some(number) if number <= 1_000_000 => Ok(Share::of_million(number)),
            _ => Err(format!("this is {} of at most 100, not `{text}`", self.words())),
        }
    }

    fn print(&self, value: &Share) -> String {
        value.to_string()
    }
}

/// Bits a second.
pub(super) struct Rate;

const RATES: [(&str, u64); 4] =
    [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

impl Form<u64> for Rate {
    fn words(&self) -> String {
        "bits a second (`64kbit`, `10mbit`, `1gbit`)".into()
    }

    fn read(&self, text: &str) -> Result<u64, String> {
        scaled(text, &RATES)
            .filter(|rate| *rate > 0)
            .ok_or_else(|| format!("this is {}, not `{text}`", self.words()))
    }

    fn print(&self, value: &u64) -> String {
        print_scaled(*value, &RATES)
    }
}

/// Bytes.
pub(super) struct Size;

const SIZES: [(&str, u64); 4] = [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10), ("", 1)];

impl Form<u64> for Size {
    fn words(&self) -> String {
        "a size (`64K`, `10M`, `1G`)".into()
    }

    fn read(&self, text: &str) -> Result<u64, String> {
        scaled(text, &SIZES)
            .filter(|size| *size > 0)
            .ok_or_else(|| format!("this is {}, not `{text}`", self.words()))
    }

    fn print(&self, value: &u64) -> String {
        print_scaled(*value, &SIZES)
    }
}

/// Ports of this machine, and those of the stack to which they lead.
pub(super) struct Ports;

impl Form<Forward> for Ports {
    fn words(&self) -> String {
        "a port, or ports (`8080`, `8080:80`, `8000-8010:9000-9010`)".into()
    }

    fn read(&self, text: &str) -> Result<Forward, String> {
        let (from, to) = text.split_once(':').unwrap_or((text, text));
        let (from, count) = ports(from)?;
        let (to, to_count) = ports(to)?;
        if count != to_count {
            return Err("as many ports must lead out of here as into it".into());
        }
        Ok(Forward { from, to, count })
    }

    fn print(&self, value: &Forward) -> String {
        value.to_string()
    }
}

/// The first of some ports, and how many they are.
fn ports(text: &str) -> Result<(NonZeroU16, NonZeroU16), String> {
    let port = |text: &str| {
        text.parse::<NonZeroU16>().map_err(|_| format!("a port is 1 to 65535, not `{text}`"))
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    let count = last.get().checked_sub(first.get()).and_then(|more| NonZeroU16::new(more + 1));
    count.map(|count| (first, count)).ok_or_else(|| format!("`{text}` ends before it begins"))
}

/// A number with up to so many decimal places, in units of the last.
fn decimal(text: &str, places: u32) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let part = part.trim_end_matches('0');
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > places as usize {
        return None;
    }
    let number: u64 = whole.parse().ok()?;
    let rest: u64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let rest = rest * 10_u64.pow(places - part.len() as u32);
    number.checked_mul(10_u64.pow(places))?.checked_add(rest)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) =
        units.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(*unit)
}

fn print_scaled(value: u64, units: &[(&str, u64)]) -> String {
    let fits = units.iter().find(|(_, unit)| value.is_multiple_of(*unit));
    fits.map_or_else(String::new, |(name, unit)| format!("{}{name}", value / unit))
}
