//! From when to when certificates are valid, and what to say of those that are not. Reads files;
//! knows no clock.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use super::files::{CA_CERTIFICATE, CERTIFICATE, certificates_in};
use super::{ClientTls, ServerTls, TlsError};

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateUse {
    /// It is shown to the peer, or leads from that to a root.
    Shown,
    /// It signs the certificates of peers.
    Authority,
}

#[cfg(feature = "server")]
impl CertificateUse {
    /// Every use, in the order of [`index`](Self::index).
    pub(crate) const ALL: [Self; 2] = [Self::Shown, Self::Authority];

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// A server's, in metrics.
    #[cfg(feature = "http")]
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Shown => "server",
            Self::Authority => "client_ca",
        }
    }
}

/// From when to when one certificate of a file is valid.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use cafewire_net::ServerTls;
/// # let (identity, _folder) =
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/certificate.rs"));
/// let tls = ServerTls { identity, client_ca: None };
/// let [certificate] = tls.validities()?.try_into().unwrap();
/// assert_eq!(certificate.warning(SystemTime::now()), None);
/// let warning = certificate.warning(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
/// assert!(warning.contains("is not valid yet"), "{warning}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// The file.
    pub path: PathBuf,
    /// Its use.
    pub used: CertificateUse,
    /// The holder's name, as the certificate has it.
    pub subject: String,
    not_before: ASN1Time,
    not_after: ASN1Time,
}

impl Validity {
    /// When it expires, in seconds since 1970; 0 before that.
    #[must_use]
    pub fn expiry_unix_seconds(&self) -> u64 {
        u64::try_from(self.not_after.timestamp()).unwrap_or(0)
    }

    /// A sentence, if it is not valid at this time.
    #[must_use]
    pub fn warning(&self, now: SystemTime) -> Option<String> {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let told = if now < self.not_before.timestamp() {
            format!("is not valid yet: from {} on", Time(self.not_before))
        } else if now > self.not_after.timestamp() {
            format!("has expired: it was valid until {}", Time(self.not_after))
        } else {
            return None;
        };
        let (path, subject) = (self.path.display(), &self.subject);
        Some(match self.used {
            CertificateUse::Shown => format!("the certificate of {subject:?} in {path} {told}"),
            CertificateUse::Authority => format!(
                "the CA certificate of {subject:?} in {path} {told}; other certificates that it \
                 signed are taken all the same, though other programs refuse them, and where it \
                 is shown itself it is refused"
            ),
        })
    }
}

/// A time as people read it, in UTC.
struct Time(ASN1Time);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_rfc2822() {
            Ok(text) => f.write_str(&text),
            Err(_) => write!(f, "second {} since 1970", self.0.timestamp()),
        }
    }
}

impl ServerTls {
    /// From when to when the certificates of these files are valid, each that can be read.
    ///
    /// # Errors
    /// [`TlsError::File`], [`TlsError::Block`].
    pub fn validities(&self) -> Result<Vec<Validity>, TlsError> {
        of_files(Some(&self.identity.certificate), self.client_ca.as_deref())
    }
}

impl ClientTls {
    /// The same for a client: of the certificates in `ca`, and of those that it shows. Those that
    /// the system trusts are not looked at.
    ///
    /// # Errors
    /// [`TlsError::File`], [`TlsError::Block`].
    pub fn validities(&self) -> Result<Vec<Validity>, TlsError> {
        let identity = self.identity.as_ref();
        of_files(identity.map(|identity| &*identity.certificate), self.ca.as_deref())
    }
}

fn of_files(shown: Option<&Path>, authority: Option<&Path>) -> Result<Vec<Validity>, TlsError> {
    let mut validities = Vec::new();
    for (path, used, wanted) in [
        (shown, CertificateUse::Shown, CERTIFICATE),
        (authority, CertificateUse::Authority, CA_CERTIFICATE),
    ] {
        let Some(path) = path else { continue };
        for certificate in certificates_in(path, wanted)? {
            // What rustls takes and this parser does not has no dates to tell.
            let Ok((_, parsed)) = X509Certificate::from_der(&certificate) else { continue };
            let validity = parsed.validity();
            validities.push(Validity {
                path: path.to_owned(),
                used,
                subject: parsed.subject().to_string(),
                not_before: validity.not_before,
                not_after: validity.not_after,
            });
        }
    }
    Ok(validities)
}
