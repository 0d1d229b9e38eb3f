//! From addresses to sockets that listen: which sockets an address stands for, and how each of them
//! is bound. Knows nothing of connections.

use std::fmt;
use std::fs::Permissions;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig as TlsConfig;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::listener::{Listener, SocketFile};
use crate::address::Address;
use crate::config::{ListenAddress, ServerConfig};

/// Connections that the system may hold ready for us; it lowers this to its own bound
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// How often a port is looked for that is free on all addresses of a name.
const SAME_PORT_TRIES: usize = 16;

/// Listens on all addresses of the configuration, and on each that a name among them has. `tls` is
/// for `tls://`.
pub(crate) fn bind_all(
    config: &ServerConfig,
    tls: Option<&Arc<TlsConfig>>,
) -> io::Result<Vec<Listener>> {
    let ServerConfig { listen, http, unix_mode, .. } = config;
    let resolved = listen.iter().map(resolve).collect::<io::Result<Vec<_>>>()?;
    let http = http.iter().map(resolve_http).collect::<io::Result<Vec<_>>>()?;
    let all: Vec<SocketAddr> =
        resolved.iter().flatten().chain(http.iter().flatten()).copied().collect();
    let mut listeners = Vec::new();
    for (address, sockets) in listen.iter().zip(&resolved) {
        let named = |error| cannot_listen(address, &error);
        let tls = match &address.address {
            Address::Unix { path } => {
                let listener = bind_to_path(path, *unix_mode).map_err(named)?;
                listeners.push(listener.with_proxies(address.expects_proxy));
                continue;
            }
            Address::Tcp { .. } => None,
            Address::Tls { .. } => Some(tls.ok_or_else(|| named(no_certificate()))?),
        };
        for socket in bind_to_one_port(sockets, &all).map_err(named)? {
            let listener = Listener::tcp(socket, tls.map(Arc::clone)).map_err(named)?;
            listeners.push(listener.with_proxies(address.expects_proxy));
        }
    }
    Ok(listeners)
}

/// Listens for HTTP on all of these addresses, and on each that a name among them has, beside these
/// listeners.
pub(crate) fn bind_http(
    addresses: &[Address],
    listeners: &[Listener],
) -> io::Result<Vec<TcpListener>> {
    let resolved = addresses.iter().map(resolve_http).collect::<io::Result<Vec<_>>>()?;
    let others = listeners.iter().filter_map(Listener::socket_address);
    let all: Vec<SocketAddr> = others.chain(resolved.iter().flatten().copied()).collect();
    let mut listening = Vec::new();
    for (address, sockets) in addresses.iter().zip(&resolved) {
        listening.extend(
            bind_to_one_port(sockets, &all).map_err(|error| cannot_answer(address, &error))?,
        );
    }
    Ok(listening)
}

fn resolve_http(address: &Address) -> io::Result<Vec<SocketAddr>> {
    if !matches!(address, Address::Tcp { .. }) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("HTTP is answered over TCP alone, and {address} is not that"),
        ));
    }
    each_once(address).map_err(|error| cannot_answer(address, &error))
}

fn cannot_answer(address: &Address, error: &io::Error) -> io::Error {
    cannot_listen(address.to_string().replacen("tcp://", "http://", 1), error)
}

/// The error, with the address and, where there is some, advice.
fn cannot_listen(address: impl fmt::Display, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program listens there; stop it, or choose another address or port"
        }
        io::ErrorKind::AddrNotAvailable => {
            ": this machine has no such address; 0.0.0.0 or [::] means all that it has"
        }
        io::ErrorKind::PermissionDenied => {
            ": ports below 1024, and folders of other users, need more rights"
        }
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{advice}"))
}

fn no_certificate() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "TLS needs a certificate and its key, and none are given",
    )
}

/// The addresses behind a name, each once; none for a path.
fn resolve(address: &ListenAddress) -> io::Result<Vec<SocketAddr>> {
    if matches!(address.address, Address::Unix { .. }) {
        return Ok(Vec::new());
    }
    each_once(&address.address).map_err(|error| cannot_listen(address, &error))
}

fn each_once(address: &Address) -> io::Result<Vec<SocketAddr>> {
    let mut each_once: Vec<SocketAddr> = Vec::new();
    for found in address.resolve()? {
        if !each_once.contains(&found) {
            each_once.push(found);
        }
    }
    Ok(each_once)
}

/// Listens on all addresses of one name, with the same port. If the system is to choose it, it does
/// for the first, and chooses again if another program has that port on one of the others.
fn bind_to_one_port(addresses: &[SocketAddr], all: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let may_choose = addresses.len() > 1 && addresses[0].port() == 0;
    let mut tries_left = if may_choose { SAME_PORT_TRIES } else { 1 };
    loop {
        tries_left -= 1;
        match try_one_port(addresses, all) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries_left > 0 => {}
            done => return done,
        }
    }
}

/// Of several addresses those are left out that this machine does not have: names of hosts files
/// stand for IPv6 as well, where it is turned off too.
fn try_one_port(addresses: &[SocketAddr], all: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let mut sockets: Vec<TcpListener> = Vec::new();
    let mut absent = None;
    for &(mut address) in addresses {
        if let Some(first) = sockets.first() {
            address.set_port(first.local_addr()?.port());
        }
        match bind_tcp(address, all) {
            Ok(socket) => sockets.push(socket),
            Err(error) if is_absent(&error) => absent = Some(error),
            Err(error) => return Err(error),
        }
    }
    absent.filter(|_| sockets.is_empty()).map_or(Ok(sockets), Err)
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// `all` are the addresses that are to be listened on.
fn bind_tcp(address: SocketAddr, all: &[SocketAddr]) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that restarts must not wait for the last one's connections to time out.
    socket.set_reuse_address(true)?;
    if leaves_ipv4_to_others(address, all) {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Whether this is `[::]` and must not take IPv4 as well, as it does by itself on most systems
/// (ipv6(7), IPV6_V6ONLY): another address asks for this port of IPv4.
fn leaves_ipv4_to_others(address: SocketAddr, all: &[SocketAddr]) -> bool {
    let is_rival = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
    address.is_ipv6()
        && address.ip().is_unspecified()
        && address.port() != 0
        && all.iter().any(is_rival)
}

fn bind_to_path(path: &Path, mode: Option<u32>) -> io::Result<Listener> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path, &address)? => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        done => done?,
    }
    let socket_file = SocketFile::at(path)?;
    if let Some(mode) = mode {
        // Before it listens: until then connecting is refused, whatever rights the file has.
        std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|error| {
            io::Error::new(error.kind(), format!("the file's mode cannot be set: {error}"))
        })?;
    }
    socket.listen(BACKLOG)?;
    Ok(Listener::unix(socket.into())?.with_file(socket_file))
}

/// Whether the file is a socket on which no server listens, as a killed server leaves it. Any other
/// file must not be removed. Waits for nothing: a server that is stopped may never answer.
fn is_stale(path: &Path, address: &SockAddr) -> io::Result<bool> {
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file of another kind at this path",
        ));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "in use, by a server that takes no connections now (it may be stopped)",
        )),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn ipv6_alone_is_asked_for_only_beside_ipv4_on_the_same_port() {
        for (address, others, leaves) in [
            ("[::]:80", &["[::]:80"][..], false),
            ("[::]:80", &["[::]:80", "0.0.0.0:80"], true),
            ("[::]:80", &["127.0.0.1:80", "[::]:80"], true),
            ("[::]:80", &["[::]:80", "0.0.0.0:81"], false),
            // Each gets a port of its own.
            ("[::]:0", &["[::]:0", "0.0.0.0:0"], false),
            ("[::1]:80", &["[::1]:80", "0.0.0.0:80"], false),
            ("0.0.0.0:80", &["0.0.0.0:80", "[::]:80"], false),
        ] {
            let is_so = leaves_ipv4_to_others(address.parse().unwrap(), &addresses(others));
            assert_eq!(is_so, leaves, "{address} among {others:?}");
        }
    }

    #[test]
    fn one_port_is_found_for_all_addresses_of_a_name() {
        let two = addresses(&["127.0.0.1:0", "127.0.0.2:0"]);
        let sockets = bind_to_one_port(&two, &two).unwrap();
        let ports: Vec<u16> =
            sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
        assert!(ports.len() == 2 && ports[0] == ports[1] && ports[0] > 0, "{ports:?}");
    }

    #[test]
    fn a_port_that_is_never_free_is_not_looked_for_without_end() {
        // The second is the first: the port that the first was given is never free there.
        let same = addresses(&["127.0.0.1:0", "127.0.0.1:0"]);
        let error = bind_to_one_port(&same, &same).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn an_address_that_the_machine_lacks_is_left_out_beside_one_that_it_has() {
        // For documentation (RFC 5737): no machine has it.
        let both = addresses(&["192.0.2.1:0", "127.0.0.1:0"]);
        let sockets = bind_to_one_port(&both, &both).unwrap();
        assert_eq!(sockets.len(), 1);
        let error = bind_to_one_port(&both[..1], &both).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
