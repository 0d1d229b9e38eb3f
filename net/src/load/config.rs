//! The configuration of a load test, its checks and its errors.

use std::fmt;
use std::io;
use std::time::Duration;

use cafewire_core::chat::MAX_CONTENT_SIZE;
use cafewire_core::echo::MAX_PAYLOAD_SIZE;

use super::payload::{SENDERS_MAX, STAMP_SIZE};
use super::schedule::RATE_PER_SECOND_MAX;
use crate::address::Address;
use crate::ip_version::IpVersion;
use crate::tls::ClientTls;

/// The smallest message, in bytes: its stamp holds its sender, its number and the time at which it
/// was due. [`LoadConfig::validate`] checks it.
pub const SIZE_BYTES_MIN: usize = STAMP_SIZE;

/// The most rooms of a test: the name of each is kept.
const ROOMS_MAX: usize = 1 << 20;

/// The work of a load test, its amount and its time-outs.
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::load::{Amount, LoadConfig, Work};
/// // 20,000 messages a second for a minute over TLS, after a warm-up of ten seconds.
/// let chat = Work::Chat {
///     rooms: 100,
///     rooms_each: 1,
///     members: 50,
///     publishers: 2,
///     window: 1,
///     size_bytes: 128,
/// };
/// let mut config = LoadConfig::new("tls://chat.example:8443".parse()?, chat);
/// config.tls.ca = Some("/etc/cafewire/ca.pem".into());
/// config.rate_per_second = Some(20_000);
/// config.warm_up = Duration::from_secs(10);
/// config.amount = Amount::Time(Duration::from_secs(60));
/// config.validate()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadConfig {
    /// The server's address.
    pub target: Address,
    /// The certificates to trust and to show at `tls://` addresses. Default: those that the system
    /// trusts are trusted, none is shown.
    pub tls: ClientTls,
    /// The only version of IP to connect by. Default: `None`, either.
    pub ip_version: Option<IpVersion>,
    /// The kind of work.
    pub work: Work,
    /// The amount of work.
    pub amount: Amount,
    /// Messages per second of all senders together, 1 to 1,000,000,000, each sent when it is due,
    /// independent of deliveries. `None`: each sender sends when its window has room.
    pub rate_per_second: Option<u64>,
    /// The first part of sending, whose messages are judged but count neither for throughput nor
    /// for latency. Default 0.
    pub warm_up: Duration,
    /// How long to wait for a further delivery after the end of sending, before missing deliveries
    /// count as lost. Time in which this process itself did not run does not count. Default 5 s.
    pub drain_timeout: Duration,
    /// Connections started per second, so that no backlog overflows. Default 5,000.
    pub connects_per_second: u64,
    /// Time for a connection to become ready: connected and, in chat, signed in and in its rooms.
    /// Default 5 s.
    pub connect_timeout: Duration,
    /// How often a connection that failed before it was ready is tried again, each time after a
    /// longer pause. Default 3.
    pub connect_retries: u32,
}

/// The kind of work of a load test. [`LoadConfig::validate`] refuses values out of range.
///
/// ```
/// use cafewire_net::load::{SIZE_BYTES_MIN, Work};
/// let ping_pong = Work::Echo { connections: 1, in_flight: 1, size_bytes: SIZE_BYTES_MIN };
/// // A thousand members, all of them in the same two rooms, and one of them speaks there by turns.
/// let full_halls = Work::Chat {
///     rooms: 2,
///     rooms_each: 2,
///     members: 1000,
///     publishers: 1,
///     window: 64,
///     size_bytes: 512,
/// };
/// let crowd = Work::Idle { connections: 10_000 };
/// # let target = cafewire_net::Address::default();
/// # for work in [ping_pong, full_halls, crowd] {
/// #     cafewire_net::load::LoadConfig::new(target.clone(), work).validate()?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Every connection sends Echo messages and gets each back.
    Echo {
        /// Connections, 1 or more.
        connections: usize,
        /// Messages of one connection in flight at a time, 1 or more. Without effect at a fixed
        /// rate.
        in_flight: u64,
        /// Bytes of a message's payload, [`SIZE_BYTES_MIN`] to 65,535.
        size_bytes: usize,
    },
    /// Publishers send messages to their rooms, and each of their members receives them.
    Chat {
        /// Rooms, 1 to 1,048,576.
        rooms: usize,
        /// Rooms that each member is in, 1 or more, of which `rooms` is a multiple: members that
        /// are in one room together are together in all of theirs, and its publishers send to these
        /// by turns. A server has bounds on the rooms of one connection and of one address
        /// ([`Limits::rooms_per_connection`](crate::Limits::rooms_per_connection),
        /// [`rooms_per_address`](crate::Limits::rooms_per_address)).
        rooms_each: usize,
        /// Members of each room, publishers included, 1 or more. Each is a connection, and in
        /// `rooms_each` rooms, so that there are `rooms / rooms_each * members` connections.
        members: usize,
        /// Members of each room that send, 1 or more.
        publishers: usize,
        /// Messages of one publisher in flight to itself at a time, in all of its rooms together, 1
        /// or more. Without effect at a fixed rate.
        window: u64,
        /// Bytes of a message's content, [`SIZE_BYTES_MIN`] to 512.
        size_bytes: usize,
    },
    /// Connections sign in and stay idle for the time. Then each joins a room of its own, and the
    /// answer shows that it is served.
    Idle {
        /// Connections, 1 or more.
        connections: usize,
    },
}

/// The amount of work of a load test.
///
/// ```
/// use std::time::Duration;
/// use cafewire_net::load::{Amount, LoadConfig, Work};
/// let mut config = LoadConfig::new("127.0.0.1:8080".parse()?, Work::Idle { connections: 100 });
/// config.amount = Amount::Time(Duration::from_secs(60));
/// assert!(config.validate().is_ok());
/// config.amount = Amount::Messages(1000);
/// assert!(config.validate().is_err()); // idle connections send none
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// The number of messages, of all senders together, those of the warm-up included. Not for
    /// [`Work::Idle`], which sends none.
    Messages(u64),
    /// The time for which messages are sent after the warm-up.
    Time(Duration),
}

impl Work {
    /// The number of connections. The largest number if it is larger than that; 0 for members of no
    /// room.
    ///
    /// ```
    /// use cafewire_net::load::Work;
    /// let chat = |rooms, rooms_each| Work::Chat {
    ///     rooms,
    ///     rooms_each,
    ///     members: 100,
    ///     publishers: 1,
    ///     window: 64,
    ///     size_bytes: 64,
    /// };
    /// assert_eq!(chat(8, 1).connections(), 800);
    /// assert_eq!(chat(8, 8).connections(), 100); // the same hundred in all rooms
    /// ```
    #[must_use]
    pub const fn connections(&self) -> usize {
        match *self {
            Self::Echo { connections, .. } | Self::Idle { connections } => connections,
            Self::Chat { rooms, rooms_each, members, .. } => match rooms.checked_div(rooms_each) {
                Some(groups) => groups.saturating_mul(members),
                None => 0,
            },
        }
    }
}

impl LoadConfig {
    /// A test of this server with this work for ten seconds, and defaults for the rest.
    ///
    /// ```
    /// use cafewire_net::load::{Amount, LoadConfig, Work};
    /// let echo = Work::Echo { connections: 50, in_flight: 64, size_bytes: 64 };
    /// let mut config = LoadConfig::new("127.0.0.1:8080".parse()?, echo);
    /// config.amount = Amount::Messages(1_000_000);
    /// assert!(config.validate().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn new(target: Address, work: Work) -> Self {
        Self {
            target,
            tls: ClientTls { ca: None, identity: None },
            ip_version: None,
            work,
            amount: Amount::Time(Duration::from_secs(10)),
            rate_per_second: None,
            warm_up: Duration::ZERO,
            drain_timeout: Duration::from_secs(5),
            connects_per_second: 5000,
            connect_timeout: Duration::from_secs(5),
            connect_retries: 3,
        }
    }

    /// Checks that all values are in range.
    ///
    /// # Errors
    /// [`LoadError::Config`], with a sentence on the first value out of range.
    ///
    /// ```
    /// use cafewire_net::Address;
    /// use cafewire_net::load::{LoadConfig, SIZE_BYTES_MIN, Work};
    /// let echo = Work::Echo { connections: 1, in_flight: 1, size_bytes: SIZE_BYTES_MIN - 1 };
    /// let error = LoadConfig::new(Address::default(), echo).validate().unwrap_err();
    /// assert_eq!(error.to_string(), "messages of 31 bytes cannot be sent: 32 to 65535 can");
    /// ```
    pub fn validate(&self) -> Result<(), LoadError> {
        let refuse = |sentence: String| Err(LoadError::Config(sentence));
        let size = |size_bytes: usize, max: usize| {
            if (SIZE_BYTES_MIN..=max).contains(&size_bytes) {
                return Ok(());
            }
            refuse(format!(
                "messages of {size_bytes} bytes cannot be sent: {SIZE_BYTES_MIN} to {max} can"
            ))
        };
        match self.work {
            Work::Echo { in_flight, size_bytes, .. } => {
                size(size_bytes, MAX_PAYLOAD_SIZE)?;
                if in_flight == 0 {
                    return refuse(
                        "with no message in flight nothing would be sent: 1 or more can be"
                            .to_owned(),
                    );
                }
            }
            Work::Chat { rooms, rooms_each, members, publishers, window, size_bytes } => {
                size(size_bytes, MAX_CONTENT_SIZE)?;
                if window == 0 {
                    return refuse(
                        "with an empty window nothing would be sent: 1 or more messages fit"
                            .to_owned(),
                    );
                }
                if !(1..=members).contains(&publishers) {
                    return refuse(format!(
                        "{publishers} of {members} members cannot publish: 1 to {members} can"
                    ));
                }
                validate_rooms(rooms, rooms_each)?;
            }
            Work::Idle { .. } => {
                if matches!(self.amount, Amount::Messages(_)) || self.rate_per_second.is_some() {
                    return refuse(
                        "connections that idle send no messages: give a time, and no rate"
                            .to_owned(),
                    );
                }
            }
        }
        if !matches!(self.work, Work::Idle { .. }) && self.amount == Amount::Time(Duration::ZERO) {
            return refuse("in no time nothing would be sent: give a longer one".to_owned());
        }
        if !(1..=SENDERS_MAX).contains(&self.work.connections()) {
            return refuse(format!("1 to {SENDERS_MAX} connections can be made"));
        }
        if self.rate_per_second.is_some_and(|rate| !(1..=RATE_PER_SECOND_MAX).contains(&rate)) {
            return refuse(format!("a rate is 1 to {RATE_PER_SECOND_MAX} messages per second"));
        }
        if !(1..=RATE_PER_SECOND_MAX).contains(&self.connects_per_second) {
            return refuse(format!(
                "1 to {RATE_PER_SECOND_MAX} connections per second can be started"
            ));
        }
        Ok(())
    }
}

fn validate_rooms(rooms: usize, rooms_each: usize) -> Result<(), LoadError> {
    if rooms_each == 0 {
        return Err(LoadError::Config(
            "members of no room would hear nothing: each can be in 1 or more".to_owned(),
        ));
    }
    if !(1..=ROOMS_MAX).contains(&rooms) {
        return Err(LoadError::Config(format!(
            "{rooms} rooms cannot be made: 1 to {ROOMS_MAX} can"
        )));
    }
    if !rooms.is_multiple_of(rooms_each) {
        return Err(LoadError::Config(format!(
            "members cannot be in {rooms_each} of {rooms} rooms each: \
             the number of rooms must be a multiple of those that each is in"
        )));
    }
    Ok(())
}

/// The reason why a load test did not start. Faults during a test are in its
/// [`Report`](super::Report).
///
/// ```
/// use cafewire_net::load::{self, LoadConfig, LoadError, Monitor, Work};
/// let address = "unix:///nonexistent/cafewire.sock".parse()?;
/// let mut config = LoadConfig::new(address, Work::Idle { connections: 1 });
/// config.connect_retries = 0;
/// let error = load::run(&config, &Monitor::default()).unwrap_err();
/// assert!(matches!(error, LoadError::NoConnection { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// A value is out of range. A sentence.
    Config(String),
    /// The address has a name that cannot be looked up, or TLS settings that cannot be used.
    Unresolved {
        /// The address.
        target: Address,
        /// The cause.
        source: io::Error,
    },
    /// More connections than the process may have descriptors for.
    TooManyConnections {
        /// The number asked for.
        wanted: usize,
        /// The number that the limit allows.
        fit: usize,
    },
    /// No connection became ready.
    NoConnection {
        /// The address.
        target: Address,
        /// The reason of the last failure.
        reason: String,
    },
    /// The system refused a poll or a timer.
    System(io::Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(sentence) => f.write_str(sentence),
            Self::Unresolved { target, source } => {
                write!(f, "cannot connect to {target}: {source}")
            }
            Self::TooManyConnections { wanted, fit } => write!(
                f,
                "{wanted} connections do not fit: \
                 the limit on file descriptors allows {fit}; raise it (ulimit -n)"
            ),
            Self::NoConnection { target, reason } => {
                write!(f, "cannot connect to {target}: {reason}")
            }
            Self::System(error) => write!(f, "the system does not let a load test run: {error}"),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unresolved { source, .. } | Self::System(source) => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: Work = Work::Echo { connections: 1, in_flight: 1, size_bytes: 64 };

    fn refusal(change: impl FnOnce(&mut LoadConfig)) -> Option<String> {
        let mut config = LoadConfig::new(Address::default(), ECHO);
        change(&mut config);
        config.validate().err().map(|error| error.to_string())
    }

    fn refused(work: Work) -> bool {
        refusal(|config| config.work = work).is_some()
    }

    #[test]
    fn bounds_of_echo() {
        let echo =
            |connections, in_flight, size_bytes| Work::Echo { connections, in_flight, size_bytes };
        for work in [echo(1, 1, 32), echo(SENDERS_MAX, u64::MAX, 65_535)] {
            assert!(!refused(work), "{work:?}");
        }
        for work in [
            echo(0, 1, 64),
            echo(SENDERS_MAX + 1, 1, 64),
            echo(1, 0, 64),
            echo(1, 1, 31),
            echo(1, 1, 65_536),
        ] {
            assert!(refused(work), "{work:?}");
        }
    }

    #[test]
    fn bounds_of_chat() {
        let chat = |rooms, members, publishers, window, size_bytes| Work::Chat {
            rooms,
            rooms_each: 1,
            members,
            publishers,
            window,
            size_bytes,
        };
        for work in [chat(1, 1, 1, 1, 32), chat(1000, 10, 10, 64, 512)] {
            assert!(!refused(work), "{work:?}");
        }
        for work in [
            chat(0, 1, 1, 1, 64),
            chat(usize::MAX, 2, 1, 1, 64),
            chat(ROOMS_MAX, SENDERS_MAX / ROOMS_MAX + 1, 1, 1, 64),
            chat(1, usize::MAX, 1, 1, 64),
            chat(1, 0, 0, 1, 64),
            chat(1, 2, 3, 1, 64),
            chat(1, 2, 0, 1, 64),
            chat(1, 2, 1, 0, 64),
            chat(1, 2, 1, 1, 513),
        ] {
            assert!(refused(work), "{work:?}");
        }
    }

    #[test]
    fn bounds_of_rooms() {
        let chat = |rooms, rooms_each| Work::Chat {
            rooms,
            rooms_each,
            members: 3,
            publishers: 1,
            window: 1,
            size_bytes: 64,
        };
        for (rooms, each, connections) in
            [(1, 1, 3), (8, 1, 24), (8, 2, 12), (8, 8, 3), (ROOMS_MAX, ROOMS_MAX, 3)]
        {
            assert!(!refused(chat(rooms, each)), "{rooms} {each}");
            assert_eq!(chat(rooms, each).connections(), connections, "{rooms} {each}");
        }
        for (rooms, each) in [(8, 0), (8, 3), (8, 9), (0, 1), (2 * ROOMS_MAX, ROOMS_MAX)] {
            assert!(refused(chat(rooms, each)), "{rooms} {each}");
        }
        let many = ROOMS_MAX + 1;
        assert_eq!(
            refusal(|config| config.work = chat(many, many)),
            Some("1048577 rooms cannot be made: 1 to 1048576 can".to_owned())
        );
    }

    #[test]
    fn bounds_of_the_rest() {
        assert_eq!(refusal(|_| {}), None);
        assert!(refusal(|config| config.rate_per_second = Some(0)).is_some());
        assert!(refusal(|config| config.rate_per_second = Some(RATE_PER_SECOND_MAX + 1)).is_some());
        assert!(refusal(|config| config.connects_per_second = 0).is_some());
        assert!(refused(Work::Idle { connections: 0 }) && !refused(Work::Idle { connections: 1 }));
        for change in [
            |config: &mut LoadConfig| config.amount = Amount::Messages(1),
            |config: &mut LoadConfig| config.rate_per_second = Some(1),
        ] {
            let refusal = refusal(|config| {
                config.work = Work::Idle { connections: 1 };
                change(config);
            });
            assert!(refusal.is_some_and(|sentence| sentence.contains("idle")));
        }
    }
}
