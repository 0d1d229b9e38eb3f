//! Reads files for a loop that must not stand still: regular ones of a bounded size, and no others.
//! Every file that a running server reads comes through here. Knows no formats.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

#[cfg(any(feature = "client", feature = "load", feature = "server"))]
use rustix::fs::OFlags;

/// Keeps the opening of a pipe from waiting for its other end.
#[cfg(any(feature = "client", feature = "load", feature = "server"))]
const NONBLOCK: u32 = OFlags::NONBLOCK.bits();
/// Without any of these parts there is no loop to hold up.
#[cfg(not(any(feature = "client", feature = "load", feature = "server")))]
const NONBLOCK: u32 = 0;

/// The most bytes of one file that are read.
const BYTES_MAX: u64 = 1 << 20;

/// All of a file, if it is a regular one of at most 1 MiB. Of a pipe or a device the end may never
/// come, and a larger file takes longer than the peers of a server should wait. For a
/// source of the configuration, which is called on the server's thread.
///
/// # Errors
/// It cannot be opened or read; `InvalidInput` if it is of another kind or too large.
///
/// ```
/// use cafewire_net::read_regular_file;
/// let path = std::env::temp_dir().join(format!("cafewire-doc-{}", std::process::id()));
/// std::fs::write(&path, "rooms = 7\n")?;
/// assert_eq!(read_regular_file(&path)?, b"rooms = 7\n");
/// std::fs::remove_file(&path)?;
/// let error = read_regular_file("/dev/zero".as_ref()).unwrap_err();
/// assert_eq!(error.to_string(), "it is no regular file, and no other is read");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_regular_file(path: &Path) -> io::Result<Vec<u8>> {
    // Looked at before it is opened, which has its effect on some devices.
    check(&std::fs::metadata(path)?)?;
    // A pipe may have taken its place meanwhile.
    let flags = i32::try_from(NONBLOCK).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    check(&file.metadata()?)?;
    read_bounded(file)
}

fn check(file: &std::fs::Metadata) -> io::Result<()> {
    if !file.is_file() {
        return Err(refused("it is no regular file, and no other is read"));
    }
    if file.len() > BYTES_MAX { Err(too_large()) } else { Ok(()) }
}

/// It may grow meanwhile.
fn read_bounded(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let count = file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if count as u64 > BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> io::Error {
    refused("it has more than 1 MiB, and no more is read")
}

fn refused(sentence: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_have_1_mib_and_not_a_byte_more() {
        let name = format!("cafewire-regular-file-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        for (bytes, is_read) in [(0, true), (1 << 20, true), ((1 << 20) + 1, false)] {
            std::fs::write(&path, vec![7; bytes]).unwrap();
            let read = read_regular_file(&path);
            assert_eq!(read.as_ref().ok().map(Vec::len), is_read.then_some(bytes), "{read:?}");
        }
        // One that grows while it is read.
        let grows = File::open(&path).unwrap();
        assert!(read_bounded(grows).unwrap_err().to_string().contains("more than 1 MiB"));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read_regular_file(&path).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_is_no_regular_file_is_not_even_opened() {
        for path in ["/dev/zero", "/dev/null", "/"] {
            let error = read_regular_file(path.as_ref()).unwrap_err();
            assert!(error.to_string().contains("no regular file"), "{path}: {error}");
        }
    }
}
