//! IPv6: its own addresses, and IPv4 through an IPv6 socket.

use cafewire_net::{ChatClient, Client, ClientError, Server, ServerConfig};

use crate::support::TestServer;

/// Machines without IPv6 exist, and a server must say so on them: then that is what is tested.
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
fn clients_come_by_ipv6() {
    if !has_ipv6() {
        return;
    }
    let server = TestServer::with(|config| config.listen = vec!["[::1]:0".parse().unwrap()]);
    assert!(server.address().is_ipv6());
    let mut client = Client::connect(&server.address().into()).unwrap();
    assert_eq!(client.echo(b"six").unwrap(), b"six");
    let ada = ChatClient::connect(&server.address().into(), "ada").unwrap();
    assert!(
        matches!(ada.peer_address().unwrap(), cafewire_net::PeerAddress::Ip(address) if address.is_ipv6())
    );
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
    // A socket for all of IPv6 takes IPv4 too, unless the system was told otherwise (ipv6(7),
    // bindv6only).
    if let Ok(_by_ipv4) = through("127.0.0.1") {
        assert!(matches!(through("127.0.0.1"), Err(ClientError::Refused { .. })));
        assert!(matches!(through("[::ffff:127.0.0.1]"), Err(ClientError::Refused { .. })));
    }
}
