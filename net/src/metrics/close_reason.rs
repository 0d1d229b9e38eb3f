//! Why connections end: one list that the log, the metrics and the Error frame share.

use std::fmt;

use cafewire_core::ErrorCode;

macro_rules! close_reasons {
    ($($name:ident $label:literal $code:expr, $doc:literal;)*) => {
        /// Why a connection was closed. The server's log and metrics say it, and
        /// [`MetricsSnapshot::closes`](crate::MetricsSnapshot::closes) counts by it.
        ///
        /// ```
        /// use cafewire_core::ErrorCode;
        /// use cafewire_net::CloseReason;
        /// let reason = CloseReason::AddressFull;
        /// assert_eq!((reason.label(), reason.to_string()), ("address_full", "address_full".to_owned()));
        /// assert_eq!(reason.error_code(), Some(ErrorCode::ServerFull)); // what the peer is told
        /// assert_eq!(CloseReason::ALL[reason.index()], reason);
        /// assert_eq!(CloseReason::Disconnected.error_code(), None); // the peer wanted it so
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum CloseReason {
            $(#[doc = $doc] $name,)*
        }

        impl CloseReason {
            /// Every reason, in the order of [`index`](Self::index).
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// A name for logs and metrics: lower case, words joined by `_`.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// The code of the Error frame that goes before the close, if one does.
            #[must_use]
            pub const fn error_code(self) -> Option<ErrorCode> {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

close_reasons! {
    Disconnected "disconnected" None, "The client said Disconnect.";
    EndOfInput "end_of_input" None, "The peer shut its sending side between two frames.";
    CutFrame "cut_frame" Some(ErrorCode::MalformedFrame), "The peer shut its sending side within a frame.";
    ConnectionLost "connection_lost" None, "The transport failed: a reset, a broken pipe.";
    TlsFailed "tls_failed" None, "No TLS session came about or it broke: a bad or missing certificate, plain text on the TLS port, a handshake cut off.";
    MalformedFrame "malformed_frame" Some(ErrorCode::MalformedFrame), "A frame broke the rules of its type.";
    UnsupportedVersion "unsupported_version" Some(ErrorCode::UnsupportedVersion), "The first byte is no family or version spoken here.";
    UnknownType "unknown_type" Some(ErrorCode::UnknownType), "A type byte that the family does not know.";
    ChecksumMismatch "checksum_mismatch" Some(ErrorCode::ChecksumMismatch), "A frame was damaged on the way.";
    NotConnected "not_connected" Some(ErrorCode::NotConnected), "A request before sign-in.";
    UnexpectedMessage "unexpected_message" Some(ErrorCode::UnexpectedMessage), "A server's type from a client.";
    SignInTimeout "sign_in_timeout" Some(ErrorCode::IdleTimeout), "No first frame, or no sign-in, came in time.";
    IdleTimeout "idle_timeout" Some(ErrorCode::IdleTimeout), "Nothing passed either way for too long.";
    SlowConsumer "slow_consumer" Some(ErrorCode::SlowConsumer), "More was queued for the peer than may be.";
    ServerFull "server_full" Some(ErrorCode::ServerFull), "The server held as many connections as it may.";
    AddressFull "address_full" Some(ErrorCode::ServerFull), "The peer's address had as many connections as it may.";
    RateLimited "rate_limited" Some(ErrorCode::RateLimited), "The peer sent more than it may, and went on after being told.";
    BufferBudget "buffer_budget" Some(ErrorCode::SlowConsumer), "All buffers together held too much, and this peer had the most queued.";
    ShuttingDown "shutting_down" Some(ErrorCode::ShuttingDown), "The server went down.";
}

impl CloseReason {
    /// The reason's place in [`ALL`](Self::ALL), from 0. It may be another in another version: keep
    /// labels, not places.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason that goes with an Error frame that closes.
    pub(crate) const fn from_error_code(code: ErrorCode) -> Self {
        match code {
            ErrorCode::UnsupportedVersion => Self::UnsupportedVersion,
            ErrorCode::UnknownType => Self::UnknownType,
            ErrorCode::ChecksumMismatch => Self::ChecksumMismatch,
            ErrorCode::NotConnected => Self::NotConnected,
            ErrorCode::UnexpectedMessage => Self::UnexpectedMessage,
            ErrorCode::ServerFull => Self::ServerFull,
            ErrorCode::RateLimited => Self::RateLimited,
            ErrorCode::SlowConsumer => Self::SlowConsumer,
            ErrorCode::ShuttingDown => Self::ShuttingDown,
            ErrorCode::IdleTimeout => Self::IdleTimeout,
            _ => Self::MalformedFrame,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_and_labels_are_unique() {
        for (index, reason) in CloseReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert_eq!(
                CloseReason::ALL.iter().filter(|other| other.label() == reason.label()).count(),
                1
            );
        }
    }

    #[test]
    fn a_reason_with_a_code_announces_a_close() {
        for code in CloseReason::ALL.iter().filter_map(|reason| reason.error_code()) {
            assert!(code.closes() || code == ErrorCode::RateLimited, "{code}");
            assert_eq!(CloseReason::from_error_code(code).error_code(), Some(code));
        }
    }
}
