//! Writing a capture of one interface, in either format.

use super::{Stamp, pcap, pcapng};
use std::io::{self, Write};
use std::path::Path;

/// The formats a capture can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Classic pcap: read by everything, but knows neither direction nor interface.
    Pcap,
    /// pcapng.
    #[default]
    Pcapng,
}

impl Format {
    /// What the name of a file asks for: `.pcap` and `.cap` are classic, all others pcapng.
    pub fn of_path(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("pcap" | "cap") => Self::Pcap,
            _ => Self::Pcapng,
        }
    }
}

/// Writes a capture of one interface.
///
/// It writes in small pieces: give it a [`std::io::BufWriter`].
pub struct Writer<W>(Kind<W>);

enum Kind<W> {
    Pcap(pcap::Writer<W>),
    Pcapng(pcapng::Writer<W>),
}

impl<W: Write> Writer<W> {
    /// Writes what comes before the first frame.
    pub fn new(to: W, format: Format, interface: &pcapng::Interface<'_>) -> io::Result<Self> {
        Ok(Self(match format {
            Format::Pcap => Kind::Pcap(pcap::Writer::new(to, interface.link)?),
            Format::Pcapng => {
                let section =
                    pcapng::Section { application: Some("Cofferdam"), ..Default::default() };
                let mut writer = pcapng::Writer::new(to, &section)?;
                writer.add_interface(interface)?;
                Kind::Pcapng(writer)
            }
        }))
    }

    /// Writes one frame, given in pieces (the pages of a chain). What is beyond
    /// [`super::MAX_FRAME`] is cut.
    pub fn write<'a, P>(&mut self, stamp: &Stamp<'_>, pieces: P) -> io::Result<()>
    where
        P: IntoIterator<Item = &'a [u8]> + Clone,
    {
        match &mut self.0 {
            Kind::Pcap(writer) => writer.write(stamp, pieces),
            Kind::Pcapng(writer) => writer.write(0, stamp, pieces),
        }
    }

    /// Where it is written to.
    pub fn get_mut(&mut self) -> &mut W {
        match &mut self.0 {
            Kind::Pcap(writer) => writer.get_mut(),
            Kind::Pcapng(writer) => writer.get_mut(),
        }
    }
}
