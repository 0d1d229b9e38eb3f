//! Listening sockets that a service manager opened for this process (systemd's socket activation,
//! `sd_listen_fds(3)`). Takes them over; knows nothing of their connections.

use std::io;
use std::sync::Arc;

use listenfd::ListenFd;
use rustls::ServerConfig as TlsConfig;
use socket2::SockRef;

use crate::listen::Listener;

/// Parts of a socket's name (`FileDescriptorName=` in the socket unit), with `+` between them: TLS
/// is spoken on it; it is for proxies.
const TLS_NAME: &str = "tls";
const PROXY_NAME: &str = "proxy";

/// All inherited listeners, in the manager's order; none if this process was not started by socket
/// activation.
///
/// # Errors
/// A socket that is no listening stream socket; a socket for TLS when there is no certificate.
pub(crate) fn listeners(tls: Option<&Arc<TlsConfig>>) -> io::Result<Vec<Listener>> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut sockets = ListenFd::from_env();
    (0..sockets.len())
        .map(|index| {
            let name = names.next().unwrap_or_default();
            let has = |wanted| name.split('+').any(|part| part == wanted);
            let taken = take(&mut sockets, index, has(TLS_NAME), tls);
            taken.map(|listener| listener.with_proxies(has(PROXY_NAME))).map_err(|error| {
                let text = format!("cannot use socket {index} of the service manager: {error}");
                io::Error::new(error.kind(), text)
            })
        })
        .collect()
}

fn take(
    sockets: &mut ListenFd,
    index: usize,
    speaks_tls: bool,
    tls: Option<&Arc<TlsConfig>>,
) -> io::Result<Listener> {
    // A socket that is no TCP socket stays in place, and may be a Unix-domain one.
    if let Ok(Some(socket)) = sockets.take_tcp_listener(index) {
        check_listens(&SockRef::from(&socket))?;
        return match (speaks_tls, tls) {
            (false, _) => Listener::tcp(socket, None),
            (true, Some(tls)) => Listener::tcp(socket, Some(Arc::clone(tls))),
            (true, None) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "TLS needs a certificate and its key",
            )),
        };
    }
    match sockets.take_unix_listener(index) {
        Ok(Some(socket)) => {
            check_listens(&SockRef::from(&socket))?;
            Listener::unix(socket)
        }
        Ok(None) => Err(io::Error::new(io::ErrorKind::NotFound, "it was taken already")),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!(
                "it is no stream socket of TCP or Unix-domain, as ListenStream= makes one ({error})"
            ),
        )),
    }
}

/// Accepting would fail for ever on a socket that does not listen.
fn check_listens(socket: &SockRef<'_>) -> io::Result<()> {
    #[cfg(any(target_os = "android", target_os = "freebsd", target_os = "linux"))]
    if !socket.is_listener()? {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it does not listen: it was bound at the most, or is one connection (Accept=yes)",
        ));
    }
    let _ = socket;
    Ok(())
}
