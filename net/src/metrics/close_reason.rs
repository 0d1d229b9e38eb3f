//! Why connections end: one list that the log, the metrics and the Error frame share.

use std::fmt;

use cafewire_core::ErrorCode;

macro_rules! close_reasons {
    ($($name:ident $label:literal $code:expr, $doc:literal;)*) => {
        /// The reason why a connection was closed. The server's log and metrics show it, and
        /// [`MetricsSnapshot::closes`](crate::MetricsSnapshot::closes) counts by it.
        ///
        /// ```
        /// use cafewire_core::ErrorCode;
        /// use cafewire_net::CloseReason;
        /// let reason = CloseReason::AddressFull;
        /// assert_eq!(reason.label(), "address_full");
        /// assert_eq!(reason.to_string(), "address_full");
        /// assert_eq!(reason.error_code(), Some(ErrorCode::ServerFull)); // sent to the peer
        /// assert_eq!(CloseReason::ALL[reason.index()], reason);
        /// assert_eq!(CloseReason::Disconnected.error_code(), None); // the peer closed it
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

            /// The code of the Error frame that is sent before the close, if any.
            #[must_use]
            pub const fn error_code(self) -> Option<ErrorCode> {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

close_reasons! {
    Disconnected "disconnected" None,
        "The client sent Disconnect.";
    EndOfInput "end_of_input" None,
        "The peer shut its sending side between two frames.";
    CutFrame "cut_frame" Some(ErrorCode::MalformedFrame),
        "The peer shut its sending side within a frame.";
    ConnectionLost "connection_lost" None,
        "The transport failed: a reset, a broken pipe.";
    Unreachable "unreachable" None,
        "The peer's machine gave no sign, or made no room, for as long as unreachable_timeout.";
    TlsFailed "tls_failed" None,
        "The TLS session failed: a bad or missing certificate, plain text, a handshake cut off.";
    UntrustedProxy "untrusted_proxy" None,
        "The connection came to an address for proxies, from none of the networks of proxies.";
    BadProxyHeader "bad_proxy_header" None,
        "What a proxy sent first is no header of the PROXY protocol, or only a part of one.";
    MalformedFrame "malformed_frame" Some(ErrorCode::MalformedFrame),
        "A frame broke the rules of its type.";
    UnsupportedVersion "unsupported_version" Some(ErrorCode::UnsupportedVersion),
        "The first byte is no supported family or version.";
    UnknownType "unknown_type" Some(ErrorCode::UnknownType),
        "A frame had a type that the family does not know.";
    ChecksumMismatch "checksum_mismatch" Some(ErrorCode::ChecksumMismatch),
        "A frame was damaged on the way.";
    NotConnected "not_connected" Some(ErrorCode::NotConnected),
        "A request came before sign-in.";
    UnexpectedMessage "unexpected_message" Some(ErrorCode::UnexpectedMessage),
        "A client sent a frame of a server's type.";
    SignInTimeout "sign_in_timeout" Some(ErrorCode::IdleTimeout),
        "No first frame, or no sign-in, came in time.";
    IdleTimeout "idle_timeout" Some(ErrorCode::IdleTimeout),
        "No frame passed either way for too long.";
    UnsupportedFlags "unsupported_flags" Some(ErrorCode::UnsupportedFlags),
        "A frame of version 2 had a flag that was not agreed on.";
    NotSupported "not_supported" Some(ErrorCode::NotSupported),
        "A client of version 2 asked to sign, which this server does not do.";
    SlowConsumer "slow_consumer" Some(ErrorCode::SlowConsumer),
        "More bytes were queued for the peer than allowed.";
    ServerFull "server_full" Some(ErrorCode::ServerFull),
        "The server held as many connections as it may.";
    AddressFull "address_full" Some(ErrorCode::ServerFull),
        "The peer's address had as many connections as it may.";
    ConnectRate "connect_rate" Some(ErrorCode::ServerFull),
        "The peer's address connected more often than it may.";
    RateLimited "rate_limited" Some(ErrorCode::RateLimited),
        "The peer sent more than allowed, and went on after an Error frame.";
    BufferBudget "buffer_budget" Some(ErrorCode::SlowConsumer),
        "All buffers together held too much, and this peer had the most queued.";
    ShuttingDown "shutting_down" Some(ErrorCode::ShuttingDown),
        "The server shut down.";
}

impl CloseReason {
    /// The reason's index in [`ALL`](Self::ALL). It may change between versions: store labels, not
    /// indices.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason for closing after an Error frame with this code.
    pub(crate) const fn from_error_code(code: ErrorCode) -> Self {
        match code {
            ErrorCode::UnsupportedVersion => Self::UnsupportedVersion,
            ErrorCode::UnknownType => Self::UnknownType,
            ErrorCode::ChecksumMismatch => Self::ChecksumMismatch,
            ErrorCode::NotConnected => Self::NotConnected,
            ErrorCode::UnexpectedMessage => Self::UnexpectedMessage,
            ErrorCode::ServerFull => Self::ServerFull,
            ErrorCode::UnsupportedFlags => Self::UnsupportedFlags,
            ErrorCode::NotSupported => Self::NotSupported,
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
            // Two more leave the connection open elsewhere.
            let may_close = [ErrorCode::RateLimited, ErrorCode::NotSupported].contains(&code);
            assert!(code.closes() || may_close, "{code}");
            assert_eq!(CloseReason::from_error_code(code).error_code(), Some(code));
        }
    }
}
