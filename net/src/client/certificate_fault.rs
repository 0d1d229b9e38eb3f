//! What about certificates kept a client from its server: as a value for programs, and in plain
//! words. rustls's own sentences hold names of Rust values, and times in seconds since 1970.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError};

use crate::tls::certificate_in_words;

/// The most names of a certificate that a sentence tells.
const NAMES_TOLD_MAX: usize = 3;

/// What about certificates kept a client from its server:
/// [`ClientError::certificate_fault`](super::ClientError::certificate_fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateFault {
    /// No trusted authority signed the server's.
    Untrusted,
    /// The server's has expired, or is not valid yet.
    OutOfTime,
    /// The server's is for other names than that of the address.
    OtherName,
    /// The server wants one of its clients, and this one showed none.
    Wanted,
    /// The server refused the client's.
    Refused,
}

/// A fault in words, inside of an [`io::Error`].
#[derive(Debug)]
pub(super) struct TlsFault {
    certificate: Option<CertificateFault>,
    sentence: String,
}

impl TlsFault {
    pub(super) const fn certificate(&self) -> Option<CertificateFault> {
        self.certificate
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl Error for TlsFault {}

/// The error of a connection, from the TLS session's.
pub(super) fn in_words(error: &rustls::Error) -> io::Error {
    let (certificate, sentence) = match error {
        rustls::Error::InvalidCertificate(refused) => of_the_server(refused),
        rustls::Error::AlertReceived(alert) => of_the_client(*alert),
        rustls::Error::InvalidMessage(_) => {
            (None, "the server there does not speak TLS".to_owned())
        }
        other => (None, other.to_string()),
    };
    io::Error::new(ErrorKind::InvalidData, TlsFault { certificate, sentence })
}

/// Why the client refused the server's certificate.
fn of_the_server(error: &CertificateError) -> (Option<CertificateFault>, String) {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, UnknownIssuer,
        UnsupportedSignatureAlgorithmForPublicKeyContext,
    };
    let (fault, what) = match error {
        // BadSignature: a trusted authority has the same name and another key. The last one is that
        // with a key of another kind: Debian's ssl-cert makes such a namesake, its snake oil
        // certificate for `localhost` or the host's own name.
        UnknownIssuer | BadSignature | UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            CertificateFault::Untrusted,
            "no trusted authority signed it; to trust its CA, name the file with that CA"
                .to_owned(),
        ),
        Expired => (CertificateFault::OutOfTime, "it has expired".to_owned()),
        ExpiredContext { time, not_after } => {
            let since = span(time.as_secs().saturating_sub(not_after.as_secs()));
            (CertificateFault::OutOfTime, format!("it has expired, {since} ago"))
        }
        NotValidYet => (CertificateFault::OutOfTime, "it is not valid yet".to_owned()),
        NotValidYetContext { time, not_before } => {
            let left = span(not_before.as_secs().saturating_sub(time.as_secs()));
            (
                CertificateFault::OutOfTime,
                format!("it is not valid yet, but in {left}; is the clock here right?"),
            )
        }
        NotValidForName => (CertificateFault::OtherName, "it is for other names".to_owned()),
        NotValidForNameContext { expected, presented } => (
            CertificateFault::OtherName,
            format!("it is not for {}, but for {}", expected.to_str(), names(presented)),
        ),
        other => {
            let why = certificate_in_words(other);
            return (None, format!("the server's certificate was refused: {why}"));
        }
    };
    (Some(fault), format!("the server's certificate was refused: {what}"))
}

/// What the server said of the client's certificate.
fn of_the_client(alert: AlertDescription) -> (Option<CertificateFault>, String) {
    let why = match alert {
        AlertDescription::CertificateRequired => {
            let sentence = "the server wants a certificate of its clients, and none was shown";
            return (Some(CertificateFault::Wanted), sentence.to_owned());
        }
        AlertDescription::CertificateExpired => ": it has expired, or is not valid yet",
        AlertDescription::CertificateRevoked => ": it was revoked",
        AlertDescription::UnknownCA => ": no authority that the server trusts signed it",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => "",
        other => return (None, format!("the server ended TLS with alert {}", u8::from(other))),
    };
    (Some(CertificateFault::Refused), format!("the server refused the client's certificate{why}"))
}

/// rustls gives each as the Debug of a Rust value: `DnsName("localhost")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_end_matches(')').trim_matches('"').to_owned()
    };
    let told: Vec<String> = presented.iter().take(NAMES_TOLD_MAX).map(bare).collect();
    match presented.len().saturating_sub(NAMES_TOLD_MAX) {
        0 if told.is_empty() => "no name at all".to_owned(),
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

/// A number of seconds, rounded down for people.
fn span(seconds: u64) -> String {
    match seconds {
        0..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::UnixTime;

    use super::*;

    const DAY: u64 = 86_400;

    fn told(error: impl Into<rustls::Error>) -> (Option<CertificateFault>, String) {
        let error = in_words(&error.into());
        let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsFault>()).unwrap();
        (fault.certificate(), error.to_string())
    }

    #[test]
    fn no_name_of_a_value_and_no_second_since_1970_is_told() {
        let at = |day| UnixTime::since_unix_epoch(Duration::from_secs(day * DAY));
        for (error, fault, sentence) in [
            (
                CertificateError::UnknownIssuer.into(),
                Some(CertificateFault::Untrusted),
                "the server's certificate was refused: no trusted authority signed it; to trust \
                 its CA, name the file with that CA",
            ),
            (
                CertificateError::ExpiredContext { time: at(9), not_after: at(2) }.into(),
                Some(CertificateFault::OutOfTime),
                "the server's certificate was refused: it has expired, 7 days ago",
            ),
            (
                CertificateError::NotValidYetContext { time: at(2), not_before: at(3) }.into(),
                Some(CertificateFault::OutOfTime),
                "the server's certificate was refused: it is not valid yet, but in 24 h; is the \
                 clock here right?",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                Some(CertificateFault::Wanted),
                "the server wants a certificate of its clients, and none was shown",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::UnknownCA),
                Some(CertificateFault::Refused),
                "the server refused the client's certificate: no authority that the server trusts \
                 signed it",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::InternalError),
                None,
                "the server ended TLS with alert 80",
            ),
        ] {
            assert_eq!(told(error), (fault, sentence.to_owned()));
        }
    }

    #[test]
    fn names_are_told_as_they_are_and_not_all_of_many() {
        let presented = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&presented(&[])), "no name at all");
        let two = presented(&["DnsName(\"localhost\")", "IpAddress(127.0.0.1)"]);
        assert_eq!(names(&two), "localhost, 127.0.0.1");
        let four = presented(&["a", "b", "c", "d"]);
        assert_eq!(names(&four), "a, b, c and 1 more");
    }
}
