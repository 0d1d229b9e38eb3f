//! Where bytes come from, and in which form they are: told, or guessed from how the input starts.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::mem;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::args::Format;
use super::hex;
use crate::failure::Failure;

/// How much is read at a time, and looked at to guess the form.
const CHUNK_BYTES: usize = 64 * 1024;
/// A capture's form shows in its first four bytes.
const MAGIC_SIZE: usize = 4;
/// A pcap file's header, and what tells the size of a pcapng file's.
const CAPTURE_HEADER_SIZE: usize = 24;

const PCAP_MAGICS: [[u8; MAGIC_SIZE]; 4] = [
    [0xA1, 0xB2, 0xC3, 0xD4],
    [0xD4, 0xC3, 0xB2, 0xA1],
    [0xA1, 0xB2, 0x3C, 0x4D], // nanoseconds
    [0x4D, 0x3C, 0xB2, 0xA1],
];
/// How captures are compressed: by what, how the files start, and what unpacks them. RFC 1952, RFC
/// 8878 and the format descriptions of LZ4 and XZ.
const COMPRESSED: [(&[u8], &str, &str); 5] = [
    (b"\x1F\x8B\x08", "gzip", "gzip -dc"),
    (b"\x28\xB5\x2F\xFD", "zstd", "zstd -dc"),
    (b"\x04\x22\x4D\x18", "lz4", "lz4 -dc"),
    (b"\xFD7zXZ\0", "xz", "xz -dc"),
    (b"BZh", "bzip2", "bzip2 -dc"),
];
/// Captures in forms that are not read, by how they start, and what they are called: those that
/// libpcap or Wireshark can read.
const OTHER_CAPTURES: [(&[u8], &str); 10] = [
    (b"\xA1\xB2\xCD\x34", "pcap as Kuznetzov modified it"),
    (b"\x34\xCD\xB2\xA1", "pcap as Kuznetzov modified it"),
    (b"\xA1\xB2\x34\xCD", "pcap as Mesquita modified it"),
    (b"\xCD\x34\xB2\xA1", "pcap as Mesquita modified it"),
    (b"\xA1\x2B\x3C\x4D", "pcap of Navtel"),
    (b"\x4D\x3C\x2B\xA1", "pcap of Navtel"),
    (b"snoop\0", "snoop"),
    (b"btsnoo", "btsnoop"),
    (b"GMBU", "Microsoft Network Monitor"),
    (b"RTSS", "Microsoft Network Monitor"),
];
/// The longest of all these.
const LONGEST_MAGIC_SIZE: usize = 6;
const PCAPNG_MAGIC: [u8; MAGIC_SIZE] = [0x0A, 0x0D, 0x0D, 0x0A];
/// Where a pcapng section header says how long it is, and in which byte order.
const SECTION_LENGTH: std::ops::Range<usize> = 4..8;
const SECTION_BYTE_ORDER: std::ops::Range<usize> = 8..12;
const BIG_ENDIAN_SECTION: [u8; 4] = [0x1A, 0x2B, 0x3C, 0x4D];

/// An input whose first bytes have been read, to be read again with the rest.
pub(crate) struct Input {
    start: Vec<u8>,
    rest: Box<dyn Read + Send>,
    readiness: Readiness,
    name: String,
}

/// How long more input is waited for before what is there counts as all for now. Nothing is lost
/// by a longer pause of the writer; only then is told what would otherwise wait for its order.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Tells whether reading would wait.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Option<OwnedFd>);

impl Readiness {
    /// Whether there is more to read, or the end, now or very soon.
    pub(crate) fn is_ready(&self) -> bool {
        let Some(file) = &self.0 else { return true };
        let mut polled = [PollFd::new(file, PollFlags::IN)];
        !matches!(rustix::event::poll(&mut polled, Some(&PATIENCE)), Ok(0))
    }
}

impl Input {
    /// A file, or standard input for `-` or none.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let (opened, name) = match path {
            Some(path) if path != Path::new("-") => (File::open(path), path.display().to_string()),
            // Without the buffer of `io::stdin()`, which would hide what was read ahead.
            _ => {
                let stdin = io::stdin().as_fd().try_clone_to_owned();
                (stdin.map(File::from), "standard input".to_owned())
            }
        };
        let file =
            opened.map_err(|error| Failure::Message(format!("cannot open {name}: {error}")))?;
        let readiness = Readiness(file.as_fd().try_clone_to_owned().ok());
        Ok(Self { start: Vec::new(), rest: Box::new(file), readiness, name })
    }

    /// What tells whether reading would wait. To be taken before the reader is.
    pub(crate) fn take_readiness(&mut self) -> Readiness {
        mem::take(&mut self.readiness)
    }

    /// The form told, or the one that the start looks like: a capture's magic number, hexadecimal
    /// digits as text, or else bytes as they are.
    pub(crate) fn format(&mut self, told: Option<Format>) -> Result<Format, Failure> {
        if told.is_none() || told == Some(Format::Pcap) {
            self.read_at_least(LONGEST_MAGIC_SIZE)?;
            let compressed = COMPRESSED.iter().find(|(magic, ..)| self.start.starts_with(magic));
            if let Some((_, method, unpack)) = compressed {
                return Err(Failure::Message(format!(
                    "{} is compressed ({method}): unpack it first, as in `{unpack} FILE | cafewire \
                     decode`",
                    self.name
                )));
            }
            let other = OTHER_CAPTURES.iter().find(|(magic, _)| self.start.starts_with(magic));
            if let Some((_, form)) = other {
                return Err(Failure::Message(format!(
                    "{} is a capture in a form that is not read here ({form}): `editcap -F pcapng \
                     FILE NEW` makes another of it",
                    self.name
                )));
            }
        }
        let format = told.map_or_else(|| self.guess(), Ok)?;
        if format == Format::Pcap {
            // The reader of captures wants the header in one piece.
            self.read_at_least(CAPTURE_HEADER_SIZE)?;
            self.read_at_least(self.section_header_size().unwrap_or(CAPTURE_HEADER_SIZE))?;
        }
        Ok(format)
    }

    fn guess(&mut self) -> Result<Format, Failure> {
        if self
            .start
            .first_chunk()
            .is_some_and(|magic| PCAP_MAGICS.contains(magic) || *magic == PCAPNG_MAGIC)
        {
            return Ok(Format::Pcap);
        }
        loop {
            match hex::looks_like_hex(&self.start) {
                Some(true) => return Ok(Format::Hex),
                Some(false) => return Ok(Format::Raw),
                // Comments come first, and the digits later.
                None if self.start.len() < CHUNK_BYTES && self.read_more()? => {}
                None if self.start.is_empty() => return Ok(Format::Raw),
                None => return Ok(Format::Hex),
            }
        }
    }

    fn section_header_size(&self) -> Option<usize> {
        let order = self.start.get(SECTION_BYTE_ORDER)?;
        let length: [u8; 4] = self.start.get(SECTION_LENGTH)?.try_into().ok()?;
        let is_big_endian = order == BIG_ENDIAN_SECTION;
        let length =
            if is_big_endian { u32::from_be_bytes(length) } else { u32::from_le_bytes(length) };
        let is_pcapng = self.start.starts_with(&PCAPNG_MAGIC);
        is_pcapng
            .then(|| usize::try_from(length).map_or(CHUNK_BYTES, |length| length.min(CHUNK_BYTES)))
    }

    fn read_at_least(&mut self, size: usize) -> Result<(), Failure> {
        while self.start.len() < size && self.read_more()? {}
        Ok(())
    }

    /// Whether there was more.
    fn read_more(&mut self) -> Result<bool, Failure> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let count = read(&mut self.rest, &mut chunk).map_err(|error| self.failure(&error))?;
        self.start.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }

    /// All of it, from its first byte.
    pub(crate) fn into_reader(self) -> impl Read + Send {
        Cursor::new(self.start).chain(self.rest)
    }

    /// The same for the reader of captures, which reads twice before it says anything: the file's
    /// header comes by itself, so that packets that are there already do not wait for others.
    pub(crate) fn into_capture_reader(mut self) -> impl Read + Send {
        let size = self.section_header_size().unwrap_or(CAPTURE_HEADER_SIZE).min(self.start.len());
        let packets = self.start.split_off(size);
        Cursor::new(self.start).chain(Cursor::new(packets)).chain(self.rest)
    }

    /// The sentence for an input that breaks.
    fn failure(&self, error: &io::Error) -> Failure {
        Failure::Message(format!("cannot read {}: {error}", self.name))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// Reads some bytes; 0 at the end.
pub(crate) fn read(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_told_by_what_comes_first_in_pieces_of_any_size() {
        for (pieces, format) in [
            (["; no", "te\n", "CAFE010000\n"], Format::Hex),
            (["; no", "te\n", "and text\n"], Format::Raw),
            (["\n", "\n", "\n"], Format::Hex),
            (["", "", ""], Format::Raw),
            (["CA", "FE", "01"], Format::Hex),
        ] {
            let [one, two, three] = pieces.map(|piece| Cursor::new(piece.to_owned()));
            let rest = Box::new(one.chain(two).chain(three));
            let (readiness, name) = (Readiness::default(), "a pipe".to_owned());
            let mut input = Input { start: Vec::new(), rest, readiness, name };
            assert_eq!(input.format(None).ok(), Some(format), "{pieces:?}");
            let mut all = String::new();
            input.into_reader().read_to_string(&mut all).unwrap();
            assert_eq!(all, pieces.concat(), "nothing is lost");
        }
    }
}
