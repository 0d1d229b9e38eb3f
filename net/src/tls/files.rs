//! What stands in the files of TLS settings, in PEM form: certificates, each of which must be one,
//! and keys. Opens files through [`read_regular_file`] alone.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::TlsError;
use super::words::{certificate_in_words, pem_in_words};
use crate::regular_file::read_regular_file;

// What the files hold, as sentences call it.
pub(super) const CA_CERTIFICATE: &str = "CA certificate";
pub(super) const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "private key";

/// What begins a block of such a file.
const BEGIN: &[u8] = b"-----BEGIN ";

/// A block of a file.
struct Block<'a> {
    /// Which of the file's, from 1 on.
    number: usize,
    /// The line that it begins in, from 1 on.
    line: usize,
    /// From its first line to the start of the next block.
    text: &'a [u8],
}

/// The certificates of a file, one or more, in its order.
pub(super) fn certificates_in(
    path: &Path,
    wanted: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path, wanted)?;
    let located = located_certificates(path, wanted, &bytes)?;
    Ok(located.into_iter().map(|(_, certificate)| certificate).collect())
}

/// The same, as authorities.
pub(super) fn roots_in(path: &Path) -> Result<RootCertStore, TlsError> {
    let wanted = CA_CERTIFICATE;
    let bytes = read(path, wanted)?;
    let mut roots = RootCertStore::empty();
    for (block, certificate) in located_certificates(path, wanted, &bytes)? {
        roots.add(certificate).map_err(|error| match error {
            rustls::Error::InvalidCertificate(error) => {
                block.fault(path, wanted, certificate_in_words(&error))
            }
            source => TlsError::Unusable { path: path.to_owned(), wanted, source },
        })?;
    }
    Ok(roots)
}

pub(super) fn private_key_in(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path, PRIVATE_KEY)?).map_err(|source| TlsError::File {
        path: path.to_owned(),
        wanted: PRIVATE_KEY,
        source,
    })
}

fn read(path: &Path, wanted: &'static str) -> Result<Vec<u8>, TlsError> {
    read_regular_file(path).map_err(|error| TlsError::File {
        path: path.to_owned(),
        wanted,
        source: pem::Error::Io(error),
    })
}

fn located_certificates<'a>(
    path: &Path,
    wanted: &'static str,
    bytes: &'a [u8],
) -> Result<Vec<(Block<'a>, CertificateDer<'static>)>, TlsError> {
    let mut certificates = Vec::new();
    for block in blocks(bytes) {
        match block.certificate() {
            Ok(Some(certificate)) => certificates.push((block, certificate)),
            Ok(None) => {}
            Err(fault) => return Err(block.fault(path, wanted, fault)),
        }
    }
    if certificates.is_empty() {
        let source = pem::Error::NoItemsFound;
        return Err(TlsError::File { path: path.to_owned(), wanted, source });
    }
    Ok(certificates)
}

/// Where each line begins that begins a block.
fn blocks(bytes: &[u8]) -> Vec<Block<'_>> {
    // Files of very old systems have another end of a line.
    let newline = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
    let (mut starts, mut at) = (Vec::new(), 0);
    for (line, text) in (1..).zip(bytes.split_inclusive(|&byte| byte == newline)) {
        if text.starts_with(BEGIN) {
            starts.push((line, at));
        }
        at += text.len();
    }
    let ends = starts.iter().skip(1).map(|&(_, at)| at).chain([bytes.len()]);
    (1..)
        .zip(starts.iter().zip(ends))
        .map(|(number, (&(line, at), end))| Block { number, line, text: &bytes[at..end] })
        .collect()
}

impl Block<'_> {
    /// What stands behind BEGIN.
    fn label(&self) -> Option<&str> {
        let line = self.text.split(|&byte| matches!(byte, b'\n' | b'\r')).next()?;
        let label = line.trim_ascii_end().strip_prefix(BEGIN)?.strip_suffix(b"-----")?;
        std::str::from_utf8(label).ok()
    }

    /// The certificate; `None` if it is of a kind that many keep in the same file. An error is why
    /// it is none.
    fn certificate(&self) -> Result<Option<CertificateDer<'static>>, String> {
        match self.label() {
            Some("CERTIFICATE") => {}
            Some(label) if label.ends_with("PRIVATE KEY") || label.ends_with("PARAMETERS") => {
                return Ok(None);
            }
            Some(label) => return Err(format!("its label is {label:?}")),
            None => return Err("a BEGIN line is malformed".to_owned()),
        }
        let certificate =
            CertificateDer::from_pem_slice(self.text).map_err(|error| pem_in_words(&error))?;
        if is_certificate(&certificate) {
            Ok(Some(certificate))
        } else {
            Err(certificate_in_words(&CertificateError::BadEncoding))
        }
    }

    fn fault(&self, path: &Path, wanted: &'static str, fault: String) -> TlsError {
        let Self { number, line, .. } = *self;
        TlsError::Block { path: path.to_owned(), wanted, number, line, fault }
    }
}

/// Of two parsers the one is stricter here, the other there: what both refuse is none.
fn is_certificate(der: &CertificateDer<'_>) -> bool {
    let parsed = X509Certificate::from_der(der);
    parsed.is_ok_and(|(rest, _)| rest.is_empty()) || ParsedCertificate::try_from(der).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_lines_whatever_ends_a_line() {
        for newline in ["\n", "\r\n", "\r"] {
            let text = "a\n-----BEGIN A-----\nx\n-----END A-----\n\n-----BEGIN B----- \n";
            let text = text.replace('\n', newline);
            let found: Vec<_> = blocks(text.as_bytes())
                .iter()
                .map(|block| (block.number, block.line, block.label().map(str::to_owned)))
                .collect();
            let wanted = [(1, 2, Some("A".to_owned())), (2, 6, Some("B".to_owned()))];
            assert_eq!(found, wanted, "{newline:?}");
        }
        assert!(blocks(b"").is_empty() && blocks(b" -----BEGIN A-----\n").is_empty());
        assert_eq!(blocks(b"-----BEGIN A----\n")[0].label(), None);
    }
}
