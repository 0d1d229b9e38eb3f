//! Unix-domain sockets: both families, and the socket's file.

use std::path::PathBuf;

use cafewire_net::client::Event;
use cafewire_net::pool::PoolConfig;
use cafewire_net::{
    Address, ChatClient, Client, ConnectionPool, PeerAddress, Server, ServerConfig,
};

use crate::support::TestServer;

/// A path that one test alone uses.
struct SocketFile(PathBuf);

impl SocketFile {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("cafewire-{}-{name}.sock", std::process::id())))
    }

    fn address(&self) -> Address {
        Address::Unix { path: self.0.clone() }
    }

    fn server(&self) -> TestServer {
        TestServer::with(|config| {
            config.listen = vec!["127.0.0.1:0".parse().unwrap(), self.address().into()];
            config.limits.connections_per_address = 1;
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn both_families_work_and_share_rooms_with_tcp() {
    let file = SocketFile::new("families");
    let server = file.server();
    let mut echoing = Client::connect(&file.address()).unwrap();
    assert_eq!(echoing.echo(&[7; 65_535]).unwrap(), [7; 65_535]);
    assert_eq!(echoing.peer_address().unwrap(), PeerAddress::Local);
    let mut ada = ChatClient::connect(&file.address(), "ada").unwrap();
    let mut bob = ChatClient::connect(&server.address().into(), "bob").unwrap();
    ada.join("tea").unwrap();
    bob.join("tea").unwrap();
    bob.send("tea", "hello").unwrap();
    let received = ada.events().find_map(|event| match event {
        Ok(Event::Message { content, .. }) => Some(content),
        _ => None,
    });
    assert_eq!(received.as_deref(), Some("hello"));
    let pool = ConnectionPool::new(file.address(), PoolConfig::default());
    for _ in 0..3 {
        pool.get_connection().unwrap().ping().unwrap();
    }
    drop((pool, echoing, ada, bob));
    server.wait_until_empty();
    assert_eq!(server.metrics().connections_accepted, 4);
}

/// The limit per address does not apply to a Unix-domain socket, which a proxy may use for many
/// clients.
#[test]
fn the_limit_per_address_does_not_apply_to_unix_sockets() {
    let file = SocketFile::new("limit");
    let _server = file.server();
    let mut clients: Vec<Client> =
        (0..5).map(|_| Client::connect(&file.address()).unwrap()).collect();
    clients.iter_mut().for_each(|client| client.ping().map(drop).unwrap());
}

#[test]
fn the_file_is_removed_with_the_server_and_a_stale_one_is_replaced() {
    let file = SocketFile::new("file");
    drop(file.server());
    assert!(!file.0.exists());
    // A killed server leaves a socket file on which no program listens.
    drop(std::os::unix::net::UnixListener::bind(&file.0).unwrap());
    assert!(file.0.exists());
    let _server = file.server();
    Client::connect(&file.address()).unwrap().ping().unwrap();
}

/// The file was removed by hand, and the next server started before the last one ended.
#[test]
fn the_file_of_the_next_server_stays() {
    let file = SocketFile::new("next");
    let last = file.server();
    std::fs::remove_file(&file.0).unwrap();
    let _next = file.server();
    drop(last);
    Client::connect(&file.address()).unwrap().ping().unwrap();
}

#[test]
fn no_other_file_is_removed() {
    let refusal = |file: &SocketFile| {
        let mut config = ServerConfig::default();
        config.listen = vec![file.address().into()];
        Server::bind(config).unwrap_err().to_string()
    };
    let file = SocketFile::new("busy");
    let _server = file.server();
    assert!(refusal(&file).contains("in use"), "{}", refusal(&file));
    Client::connect(&file.address()).unwrap().ping().unwrap();

    let text = SocketFile::new("text");
    std::fs::write(&text.0, "precious").unwrap();
    assert!(refusal(&text).contains("a file of another kind"), "{}", refusal(&text));
    assert_eq!(std::fs::read(&text.0).unwrap(), b"precious");

    let long = SocketFile::new(&"x".repeat(200));
    assert!(refusal(&long).contains(".sock: "), "{}", refusal(&long));
    let missing = SocketFile::new("missing");
    let refused = Client::connect(&missing.address()).unwrap_err().to_string();
    assert!(refused.starts_with("cannot connect to unix:///"), "{refused}");
}
