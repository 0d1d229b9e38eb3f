//! To the first of a name's addresses that answers (RFC 8305, Happy Eyeballs): a way that swallows
//! packets costs a quarter of a second, not the whole connect time-out. Or to a Unix-domain socket.
//! Knows sockets, and nothing above.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use crate::socket_options::SocketOptions;

/// From one attempt to the next (RFC 8305, 5: Connection Attempt Delay). With the connect time-out
/// it bounds how many are under way.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A blocking socket, connected to one of these addresses.
///
/// # Errors
/// `TimedOut` at the deadline; if all of them fail before, the last failure.
pub(super) fn connect_tcp(
    candidates: &[SocketAddr],
    options: SocketOptions,
    deadline: Instant,
) -> io::Result<Socket> {
    let mut candidates = interleaved(candidates).into_iter();
    let mut attempts: Vec<Socket> = Vec::new();
    let mut next_at = Instant::now();
    let mut failure = io::Error::from(ErrorKind::TimedOut);
    loop {
        let now = Instant::now();
        if now >= deadline {
            return Err(ErrorKind::TimedOut.into());
        }
        if now >= next_at
            && let Some(candidate) = candidates.next()
        {
            match start(candidate) {
                Ok(socket) => {
                    attempts.push(socket);
                    next_at = now + ATTEMPT_DELAY;
                }
                Err(error) => failure = error,
            }
            continue;
        }
        if attempts.is_empty() && candidates.len() == 0 {
            return Err(failure);
        }
        let until = if candidates.len() > 0 { next_at.min(deadline) } else { deadline };
        let ready = wait_for_one(&attempts, until.saturating_duration_since(now))?;
        // From the back, so that the places of the others stay.
        for at in ready.into_iter().rev() {
            let socket = attempts.swap_remove(at);
            match socket.take_error()? {
                None => {
                    socket.set_nonblocking(false)?;
                    options.set_for_tcp(&SockRef::from(&socket));
                    return Ok(socket);
                }
                Some(error) => {
                    failure = error;
                    next_at = now;
                }
            }
        }
    }
}

/// A blocking socket, connected to the server at this path. A backlog that is full is waited for,
/// as with TCP: Linux waits for as long as sending may take (socket(7), SO_SNDTIMEO), other systems
/// refuse at once.
///
/// # Errors
/// `TimedOut` at the deadline; the system's.
pub(super) fn connect_unix(path: &Path, deadline: Instant) -> io::Result<Socket> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_write_timeout(Some(left))?;
        let done = socket.connect(&address);
        match done.as_ref().map_err(io::Error::kind) {
            // The time is over, or will be before the system's clock ticks again.
            Err(ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            _ => return done.map(|()| socket),
        }
    }
}

/// The addresses by turns of their families, the first one's first, each family in the resolver's
/// order (RFC 8305, 4): a family that has no way out does not hold up the other.
fn interleaved(candidates: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first_family = |address: &&SocketAddr| {
        candidates.first().is_some_and(|c| c.is_ipv6() == address.is_ipv6())
    };
    let (mut first, mut second) = (
        candidates.iter().filter(is_first_family),
        candidates.iter().filter(|a| !is_first_family(a)),
    );
    let mut order = Vec::with_capacity(candidates.len());
    while order.len() < candidates.len() {
        order.extend(first.next());
        order.extend(second.next());
    }
    order
}

/// Starts to connect. Whether it came to something is known once the socket is writable.
fn start(candidate: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(candidate), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&candidate.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(socket),
    }
}

/// The places of the attempts that have an outcome; none when the time is over, or a signal came.
fn wait_for_one(attempts: &[Socket], at_most: Duration) -> io::Result<Vec<usize>> {
    let mut polled: Vec<_> =
        attempts.iter().map(|socket| PollFd::new(socket, PollFlags::OUT)).collect();
    // Longer than the poll's own time is as good as that.
    let timeout = Timespec::try_from(at_most).ok();
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let has_outcome = |fd: &PollFd<'_>| !fd.revents().is_empty();
    Ok((0..polled.len()).filter(|&at| has_outcome(&polled[at])).collect())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|address| address.parse().unwrap()).collect()
    }

    fn connect(candidates: &[SocketAddr], within: Duration) -> io::Result<Socket> {
        connect_tcp(candidates, SocketOptions::default(), Instant::now() + within)
    }

    /// A listening address whose backlog is full: the system answers no further attempt. The
    /// streams keep it so.
    fn deaf() -> (SocketAddr, Vec<Socket>) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&addresses(&["127.0.0.1:0"])[0].into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut held = vec![listener];
        // One more than asked for is let in; attempts beyond it stay without an answer.
        held.extend((0..8).map(|_| start(address).unwrap()));
        (address, held)
    }

    #[test]
    fn families_take_turns() {
        for (candidates, order) in [
            (vec![], vec![]),
            (vec!["1.1.1.1:1"], vec!["1.1.1.1:1"]),
            (
                vec!["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"],
                vec!["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"],
            ),
            (vec!["1.1.1.1:1", "[::1]:1"], vec!["1.1.1.1:1", "[::1]:1"]),
        ] {
            assert_eq!(interleaved(&addresses(&candidates)), addresses(&order));
        }
    }

    #[test]
    fn an_address_that_does_not_answer_is_not_waited_for() {
        let (deaf, _held) = deaf();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let socket = connect(&[deaf, there], LONG).unwrap();
        assert_eq!(socket.peer_addr().unwrap().as_socket(), Some(there));
        // Blocking again: the read waits for the byte.
        let (mut accepted, _) = listener.accept().unwrap();
        io::Write::write_all(&mut accepted, b"x").unwrap();
        let mut byte = [0];
        io::Read::read_exact(&mut &socket, &mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }

    #[test]
    fn the_first_that_answers_is_taken() {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let there = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let socket = connect(&there, LONG).unwrap();
        assert_eq!(socket.peer_addr().unwrap().as_socket(), Some(there[0]));
    }

    #[test]
    fn one_that_refuses_gives_way_at_once_and_the_last_refusal_is_told() {
        let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        let socket = connect(&[refusing, refusing, there], LONG).unwrap();
        assert_eq!(socket.peer_addr().unwrap().as_socket(), Some(there));
        let refused = connect(&[refusing, refusing], LONG).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }

    #[test]
    fn the_deadline_ends_it() {
        let (deaf, _held) = deaf();
        let error = connect(&[deaf, deaf], Duration::from_millis(300)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(connect(&[deaf], Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
