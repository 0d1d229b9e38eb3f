//! Errors of rustls in plain words: many of its own sentences end in the name of a Rust value.

use std::fmt::Debug;

use rustls::pki_types::pem;
use rustls::{CertificateError, Error};

/// What went wrong, as part of a sentence.
pub(crate) fn in_words(error: &Error) -> String {
    match error {
        Error::InappropriateMessage { got_type, .. } => {
            format!("the peer sent a message out of turn ({})", spaced(got_type))
        }
        Error::InappropriateHandshakeMessage { got_type, .. } => {
            format!("the peer sent a message of the handshake out of turn ({})", spaced(got_type))
        }
        Error::InvalidMessage(what) => {
            format!("what the peer sent is no TLS, or was damaged ({})", spaced(what))
        }
        Error::PeerIncompatible(what) => {
            format!("the peer offers no TLS that both sides speak ({})", spaced(what))
        }
        Error::PeerMisbehaved(what) => {
            format!("the peer broke the rules of TLS ({})", spaced(what))
        }
        Error::AlertReceived(alert) => format!("the peer refused: {}", spaced(alert)),
        Error::InvalidCertificate(error) => {
            format!("the peer's certificate was refused: {}", certificate_in_words(error))
        }
        Error::NoCertificatesPresented => "the peer showed no certificate".to_owned(),
        Error::InconsistentKeys(_) => "they do not belong together".to_owned(),
        other => other.to_string(),
    }
}

pub(crate) fn certificate_in_words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "no trusted authority signed it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        // What the certificates' own library says, which has no words of its own.
        CertificateError::Other(inner) => match spaced(&inner.0).as_str() {
            "unsupported cert version" => {
                "it is of X.509 version 1 or 2, and version 3 is wanted".to_owned()
            }
            other => other.to_owned(),
        },
        other => spaced(other),
    }
}

/// The same for a file in PEM form, whose own sentences show bytes as numbers.
pub(super) fn pem_in_words(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no END line".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed".to_owned(),
        pem::Error::Base64Decode(_) => "a section is no Base64".to_owned(),
        pem::Error::SectionTooLarge => "a section is too large".to_owned(),
        other => other.to_string(),
    }
}

/// The name of a value, without what it holds, as words: `UnknownCA` as "unknown CA".
fn spaced(value: &impl Debug) -> String {
    let debug = format!("{value:?}");
    let name: Vec<char> = debug.chars().take_while(|letter| letter.is_alphanumeric()).collect();
    let mut words = String::new();
    for (index, &letter) in name.iter().enumerate() {
        let follows =
            |offset: usize| name.get(index + offset).is_some_and(char::is_ascii_lowercase);
        let after_lower = index > 0 && !name[index - 1].is_ascii_uppercase();
        if letter.is_ascii_uppercase() && (after_lower || (index > 0 && follows(1))) {
            words.push(' ');
        }
        // A letter of an abbreviation stays as it is.
        let is_of_word = follows(1) || !letter.is_ascii_uppercase();
        words.push(if is_of_word { letter.to_ascii_lowercase() } else { letter });
    }
    words
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::CertificateDer;
    use rustls::server::ParsedCertificate;
    use rustls::{AlertDescription, InvalidMessage, PeerIncompatible};

    use super::*;

    #[test]
    fn no_name_of_a_value_is_told() {
        for (error, words) in [
            (Error::AlertReceived(AlertDescription::UnknownCA), "the peer refused: unknown CA"),
            (
                Error::AlertReceived(AlertDescription::CertificateExpired),
                "the peer refused: certificate expired",
            ),
            (
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                "what the peer sent is no TLS, or was damaged (invalid content type)",
            ),
            (
                Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
                "the peer offers no TLS that both sides speak (no cipher suites in common)",
            ),
            (
                Error::InvalidCertificate(CertificateError::UnknownIssuer),
                "the peer's certificate was refused: no trusted authority signed it",
            ),
            (
                Error::InvalidCertificate(CertificateError::BadEncoding),
                "the peer's certificate was refused: bad encoding",
            ),
            (
                Error::InvalidMessage(InvalidMessage::MissingData("Extensions")),
                "what the peer sent is no TLS, or was damaged (missing data)",
            ),
        ] {
            assert_eq!(in_words(&error), words);
        }
    }

    #[test]
    fn a_certificate_of_an_old_version_is_called_that() {
        const VERSION_3: [u8; 5] = [0xa0, 3, 2, 1, 2];
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let mut old = params.self_signed(&key).unwrap().der().to_vec();
        let at = old.windows(5).position(|bytes| bytes == VERSION_3).unwrap();
        old[at + 4] = 0;
        let error = ParsedCertificate::try_from(&CertificateDer::from(old)).err().unwrap();
        assert_eq!(
            in_words(&error),
            "the peer's certificate was refused: it is of X.509 version 1 or 2, and version 3 is \
             wanted"
        );
    }
}
