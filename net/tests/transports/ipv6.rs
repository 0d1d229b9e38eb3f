//! IPv6 addresses, and IPv4 through an IPv6 socket.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};

use cafewire_net::{Address, ChatClient, Client, ClientError, PeerAddress, Server, ServerConfig};
use socket2::SockRef;

use crate::support::TestServer;

/// Whether this machine has IPv6. Without it a server must fail with a sentence, which is tested
/// then.
fn has_ipv6() -> bool {
    if TcpListener::bind("[::1]:0").is_ok() {
        return true;
    }
    let mut config = ServerConfig::default();
    config.listen = vec!["[::1]:0".parse().unwrap()];
    let refused = Server::bind(config).unwrap_err().to_string();
    assert!(refused.starts_with("cannot listen on tcp://[::1]:0: "), "{refused}");
    false
}

#[test]
fn clients_connect_by_ipv6() {
    if !has_ipv6() {
        return;
    }
    let server = TestServer::with(|config| config.listen = vec!["[::1]:0".parse().unwrap()]);
    assert!(server.address().is_ipv6());
    let mut client = Client::connect(&server.address().into()).unwrap();
    assert_eq!(client.echo(b"six").unwrap(), b"six");
    let ada = ChatClient::connect(&server.address().into(), "ada").unwrap();
    let peer = ada.peer_address().unwrap();
    assert!(matches!(peer, PeerAddress::Ip(address) if address.is_ipv6()), "{peer}");
}

#[test]
fn an_ipv4_peer_is_the_same_by_either_socket() {
    if !has_ipv6() {
        return;
    }
    let server = TestServer::with(|config| {
        config.listen = vec!["[::]:0".parse().unwrap()];
        config.limits.connections_per_address = 1;
    });
    let through = |host: &str| {
        let address = format!("{host}:{}", server.address().port()).parse().unwrap();
        Client::connect(&address).and_then(|mut client| client.ping().map(|_| client))
    };
    let _by_ipv6 = through("[::1]").unwrap();
    // A socket for all IPv6 addresses takes IPv4 too, unless the system is configured otherwise
    // (ipv6(7), bindv6only).
    if let Ok(_by_ipv4) = through("127.0.0.1") {
        assert!(matches!(through("127.0.0.1"), Err(ClientError::Refused { .. })));
        assert!(matches!(through("[::ffff:127.0.0.1]"), Err(ClientError::Refused { .. })));
    }
}

/// A server on all of these addresses and HTTP addresses, `PORT` and `HTTP` in them being two ports
/// that are free for both families. Another program may take one before the server does; then two
/// others are tried.
fn serve_on(listen: &[&str], http: &[&str]) -> (Server, [u16; 2]) {
    for _ in 0..50 {
        let free = [(); 2].map(|()| TcpListener::bind("[::]:0").unwrap());
        let ports = free.map(|socket| socket.local_addr().unwrap().port());
        let fill = |text: &&str| {
            let [port, http] = ports.map(|port| port.to_string());
            text.replace("PORT", &port).replace("HTTP", &http)
        };
        let mut config = ServerConfig::default();
        config.listen = listen.iter().map(|text| fill(text).parse().unwrap()).collect();
        config.http = http.iter().map(|text| fill(text).parse().unwrap()).collect();
        match Server::bind(config) {
            Ok(server) => return (server, ports),
            // The same two rivals, again and again, are no other program.
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("these cannot be listened on together: {listen:?}, {http:?}");
}

/// Each family reaches the server at these ports.
fn assert_both_families_reach(ports: &[u16]) {
    for port in ports {
        for host in ["127.0.0.1", "[::1]"] {
            let reached = TcpStream::connect(format!("{host}:{port}"));
            assert!(reached.is_ok(), "{host}:{port}: {reached:?}");
        }
    }
}

#[test]
fn both_families_listen_on_one_port() {
    if !has_ipv6() {
        return;
    }
    let pair = ["0.0.0.0:PORT", "[::]:PORT"];
    let reversed = ["[::]:PORT", "0.0.0.0:PORT"];
    for listen in [pair, reversed] {
        let (server, [port, _]) = serve_on(&listen, &[]);
        assert_eq!(server.local_addresses().len(), 2);
        assert_both_families_reach(&[port]);
    }
    for http in [["0.0.0.0:HTTP", "[::]:HTTP"], ["[::]:HTTP", "0.0.0.0:HTTP"]] {
        let (server, ports) = serve_on(&pair, &http);
        assert_eq!(server.http_addresses().len(), 2);
        assert_both_families_reach(&ports);
    }
    // One family for peers, the other for HTTP.
    let (_server, [port, _]) = serve_on(&["0.0.0.0:PORT"], &["[::]:PORT"]);
    assert_both_families_reach(&[port]);
}

/// As before, where the system has it so.
#[test]
fn all_ipv6_addresses_alone_take_ipv4_too() {
    if !has_ipv6() || TcpListener::bind("[::]:0").is_ok_and(|socket| is_ipv6_only(&socket)) {
        return;
    }
    let (_server, ports) = serve_on(&["[::]:PORT"], &["[::]:HTTP"]);
    assert_both_families_reach(&ports);
}

fn is_ipv6_only(socket: &TcpListener) -> bool {
    SockRef::from(socket).only_v6().unwrap()
}

#[test]
fn localhost_is_all_of_its_addresses_with_one_port() {
    let address: Address = "localhost:0".parse().unwrap();
    let has = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    let mut hosts: Vec<_> =
        address.resolve().unwrap().into_iter().filter(has).map(|found| found.ip()).collect();
    hosts.dedup();
    let mut config = ServerConfig::default();
    config.listen = vec![address.into()];
    let server = Server::bind(config).unwrap();
    let listening: Vec<SocketAddr> =
        server.local_addresses().iter().map(|address| address.resolve().unwrap()[0]).collect();
    let port = listening[0].port();
    let expected: Vec<SocketAddr> = hosts.iter().map(|&host| (host, port).into()).collect();
    assert_eq!(listening, expected);
    for address in listening {
        TcpStream::connect(address).unwrap();
    }
}
