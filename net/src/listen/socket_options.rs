//! What is asked of the system for each connection that is accepted. A connection that refuses an
//! option works all the same.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// For a TCP connection.
pub(super) fn set_for_tcp(socket: SockRef<'_>, send_buffer_bytes: usize) {
    // Without no-delay a small answer waits for the acknowledgement of the one before (RFC 896);
    // without keep-alive a silent peer whose machine is gone is never missed.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keep_alive());
    set_send_buffer(socket, send_buffer_bytes);
}

/// Linux keeps twice as much, for what it notes of the bytes, and no longer adapts the size to the
/// peer (socket(7), tcp(7)). 0 leaves it to the system.
pub(super) fn set_send_buffer(socket: SockRef<'_>, bytes: usize) {
    if bytes > 0 {
        // The system takes a C int, and grants no size that comes near the largest.
        let _ = socket.set_send_buffer_size(bytes.min(i32::MAX as usize));
    }
}

/// A peer that answers no probe for two minutes is taken for dead: its connection fails with a
/// time-out.
fn keep_alive() -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4)
}
