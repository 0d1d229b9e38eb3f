//! IPv6 addresses, and IPv4 through an IPv6 socket.

use cafewire_net::{ChatClient, Client, ClientError, PeerAddress, Server, ServerConfig};

use crate::support::TestServer;

/// Whether this machine has IPv6. Without it a server must fail with a sentence, which is tested
/// then.
fn has_ipv6() -> bool {
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
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
