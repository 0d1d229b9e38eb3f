//! What is asked of the system for each connection, of a server or a client. A leaf: knows sockets
//! and no protocol. A connection that refuses an option works all the same.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// The options of a connection that depend on the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SocketOptions {
    /// Linux keeps twice as much, for what it notes of the bytes, and no longer adapts the size to
    /// the peer (socket(7), tcp(7)). 0 leaves it to the system.
    pub(crate) send_buffer_bytes: usize,
    /// After this time without a sign of a TCP peer's machine the connection fails with a time-out.
    /// 0 leaves it to the system.
    pub(crate) unreachable_timeout: Duration,
}

impl SocketOptions {
    pub(crate) fn set_for_tcp(self, socket: &SockRef<'_>) {
        // Without no-delay a small answer waits for the one before to be acknowledged (RFC 896).
        let _ = socket.set_tcp_nodelay(true);
        if !self.unreachable_timeout.is_zero() {
            let _ = socket.set_tcp_keepalive(&keep_alive(self.unreachable_timeout));
            #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
            let _ = socket.set_tcp_user_timeout(Some(user_timeout(self.unreachable_timeout)));
        }
        self.set_send_buffer(socket);
    }

    #[cfg(feature = "server")]
    pub(crate) fn set_for_unix(self, socket: &SockRef<'_>) {
        self.set_send_buffer(socket);
    }

    fn set_send_buffer(self, socket: &SockRef<'_>) {
        if self.send_buffer_bytes > 0 {
            // The system takes a C int, and grants no size that comes near the largest.
            let _ = socket.set_send_buffer_size(self.send_buffer_bytes.min(i32::MAX as usize));
        }
    }
}

/// Finds a peer that is gone while nothing is on the way to it: a probe after half of the time, and
/// more so that the third that finds no answer ends it. The system counts in seconds.
fn keep_alive(unreachable_timeout: Duration) -> TcpKeepalive {
    let at_least_a_second = |time: Duration| time.max(Duration::from_secs(1));
    TcpKeepalive::new()
        .with_time(at_least_a_second(unreachable_timeout / 2))
        .with_interval(at_least_a_second(unreachable_timeout / 6))
        .with_retries(3)
}

/// Finds it while bytes are on the way, for which no probes are sent: retransmissions would go on
/// for 15 minutes (tcp(7), tcp_retries2). Where Linux knows this time-out, it alone says when
/// probes have gone unanswered for long enough; a second less, so that the last one is late enough.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn user_timeout(unreachable_timeout: Duration) -> Duration {
    let second = Duration::from_secs(1);
    unreachable_timeout.saturating_sub(second).max(second)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn connection() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        TcpStream::connect(listener.local_addr().unwrap()).unwrap()
    }

    fn with(unreachable_timeout: Duration) -> TcpStream {
        let stream = connection();
        SocketOptions { unreachable_timeout, ..SocketOptions::default() }
            .set_for_tcp(&SockRef::from(&stream));
        stream
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_peer_without_a_sign_is_given_up_after_the_time_whatever_is_on_the_way() {
        let seconds = Duration::from_secs;
        for (timeout, time, interval, user_timeout) in [
            (seconds(120), seconds(60), seconds(20), seconds(119)),
            (seconds(60), seconds(30), seconds(10), seconds(59)),
            (seconds(3), seconds(1), seconds(1), seconds(2)),
            (Duration::from_millis(1), seconds(1), seconds(1), seconds(1)),
        ] {
            let stream = with(timeout);
            let socket = SockRef::from(&stream);
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), time, "{timeout:?}");
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), interval, "{timeout:?}");
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(user_timeout), "{timeout:?}");
        }
    }

    #[test]
    fn no_time_leaves_it_to_the_system() {
        let stream = with(Duration::ZERO);
        assert!(stream.nodelay().unwrap());
        assert_eq!(
            SockRef::from(&stream).keepalive().unwrap(),
            SockRef::from(&connection()).keepalive().unwrap()
        );
        #[cfg(target_os = "linux")]
        assert_eq!(SockRef::from(&stream).tcp_user_timeout().unwrap(), None);
    }

    #[test]
    fn the_longest_time_breaks_nothing() {
        with(Duration::MAX);
    }
}
