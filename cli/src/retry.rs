//! When a lost connection is tried again: after which errors, with which pauses, for how long.
//! Pure: time is an argument.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use cafewire_core::{ErrorCode, ParseError};
use cafewire_net::client::ClientError;

use crate::backoff::Backoff;
use crate::failure::Failure;
use crate::settings::units::Span;

/// Time for which a connection must have lasted before the delay after its loss starts short again.
pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(10);

/// Why a connection is over.
pub(crate) enum End {
    /// Another one may go better.
    Lost(Failure),
    Final(Failure),
}

impl End {
    pub(crate) fn of(error: ClientError, was_signed_in: bool) -> Self {
        let may_pass = may_pass(&error, was_signed_in);
        let is_own_name =
            matches!(error, ClientError::Refused { code: ErrorCode::UsernameTaken, .. })
                && was_signed_in;
        let failure = if is_own_name { name_is_held() } else { error.into() };
        if may_pass { Self::Lost(failure) } else { Self::Final(failure) }
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Final(failure)
    }
}

/// The server's own words would advise another name.
fn name_is_held() -> Failure {
    let code = ErrorCode::UsernameTaken;
    let sentence = "the name is still held, most likely by the connection that was lost";
    Failure::Message(format!("{sentence} [{code}]"))
}

/// The attempts of one command.
pub(crate) struct Retry {
    /// How long to go on trying; `None` not at all.
    within: Option<Duration>,
    backoff: Backoff,
    /// When the attempts end, since a stable connection was lost.
    until: Option<Instant>,
    connected_at: Option<Instant>,
}

impl Retry {
    pub(crate) const fn new(within: Option<Duration>, seed: u64) -> Self {
        Self { within, backoff: Backoff::new(seed), until: None, connected_at: None }
    }

    /// How long to go on trying; `None` not at all.
    pub(crate) const fn within(&self) -> Option<Duration> {
        self.within
    }

    /// What is said when there is no further attempt.
    pub(crate) fn given_up(&self, failure: Failure) -> Failure {
        match self.within {
            None => failure,
            Some(within) => Failure::Message(format!(
                "gave up after trying for {}: {}",
                Span(within),
                failure.into_sentence()
            )),
        }
    }

    /// The connection stands, and the client is where it was before.
    pub(crate) const fn succeeded(&mut self, now: Instant) {
        self.connected_at = Some(now);
    }

    /// Whether this is the first failure since the last success.
    pub(crate) const fn is_first_failure(&self) -> bool {
        self.connected_at.is_some() || self.until.is_none()
    }

    /// The pause before the next attempt, after a failure; `None` if there is to be none.
    pub(crate) fn pause(&mut self, now: Instant) -> Option<Duration> {
        let within = self.within?;
        if self.connected_at.take().is_some_and(|at| now.duration_since(at) >= STABLE_AFTER) {
            self.backoff.reset();
            self.until = None;
        }
        // A time past the end of the clock is as good as none: the pauses are bounded.
        let until = match self.until {
            Some(until) => until,
            None => now.checked_add(within)?,
        };
        self.until = Some(until);
        let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some(self.backoff.next_delay().min(left))
    }
}

/// Whether another attempt may go better. `was_signed_in` says that the server let this name in
/// before: if it is taken now, then most likely by the connection that was lost.
pub(crate) fn may_pass(error: &ClientError, was_signed_in: bool) -> bool {
    match error {
        ClientError::Connect { address, source } => match source.kind() {
            // What is wrong with an address, a file or a certificate stays wrong.
            ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::PermissionDenied => false,
            // A server that is not started yet has made no file for its socket.
            ErrorKind::NotFound => matches!(address, cafewire_net::Address::Unix { .. }),
            _ => true,
        },
        ClientError::Io(_)
        | ClientError::TimedOut
        | ClientError::Closed
        | ClientError::Corrupt { error: ParseError::Truncated { .. }, .. } => true,
        ClientError::Refused { code, .. } => code_may_pass(*code, was_signed_in),
        _ => false,
    }
}

/// The same of what the server said.
pub(crate) const fn code_may_pass(code: ErrorCode, was_signed_in: bool) -> bool {
    match code {
        ErrorCode::LimitReached
        | ErrorCode::ServerFull
        | ErrorCode::RateLimited
        | ErrorCode::SlowConsumer
        | ErrorCode::ShuttingDown
        | ErrorCode::IdleTimeout => true,
        ErrorCode::UsernameTaken => was_signed_in,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use cafewire_net::Address;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn attempts_end_with_their_time() {
        let start = Instant::now();
        let mut retry = Retry::new(Some(MINUTE), 1);
        let mut now = start;
        assert!(retry.is_first_failure());
        while let Some(pause) = retry.pause(now) {
            assert!(!retry.is_first_failure());
            now += pause;
            assert!(now <= start + MINUTE);
        }
        assert_eq!(now, start + MINUTE);
    }

    #[test]
    fn a_connection_that_lasts_starts_the_time_again_and_a_short_one_does_not() {
        let start = Instant::now();
        for (lasts, is_again) in [(STABLE_AFTER, true), (STABLE_AFTER / 2, false)] {
            let mut retry = Retry::new(Some(MINUTE), 1);
            assert!(retry.pause(start).is_some());
            let connected = start + MINUTE - Duration::from_secs(1);
            retry.succeeded(connected);
            assert!(retry.is_first_failure());
            assert_eq!(retry.pause(connected + lasts).is_some(), is_again, "{lasts:?}");
        }
    }

    #[test]
    fn without_a_time_there_is_no_other_attempt() {
        assert_eq!(Retry::new(None, 1).pause(Instant::now()), None);
    }

    #[test]
    fn what_stays_wrong_is_not_tried_again() {
        let connect = |address: Address, kind: ErrorKind| ClientError::Connect {
            address,
            source: io::Error::from(kind),
        };
        let refused = |code| ClientError::Refused { code, message: String::new() };
        let socket = || Address::Unix { path: "/nowhere.sock".into() };
        for (error, is_tried) in [
            (connect(Address::default(), ErrorKind::ConnectionRefused), true),
            (connect(Address::default(), ErrorKind::TimedOut), true),
            (connect(Address::default(), ErrorKind::InvalidData), false),
            (connect(Address::default(), ErrorKind::NotFound), false),
            (connect(socket(), ErrorKind::NotFound), true),
            (ClientError::Closed, true),
            (refused(ErrorCode::ShuttingDown), true),
            (refused(ErrorCode::InvalidUsername), false),
        ] {
            assert_eq!(may_pass(&error, true), is_tried, "{error}");
        }
        let taken = refused(ErrorCode::UsernameTaken);
        assert!(may_pass(&taken, true) && !may_pass(&taken, false));
    }
}
