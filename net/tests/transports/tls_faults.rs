//! TLS faults: bad certificates, plain text, handshakes that end or stall. Each is counted by its
//! reason, and a neighbour notices nothing.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use cafewire_core::{Message, MessagePayload};
use cafewire_net::{
    Address, Client, ClientConfig, ClientTls, CloseReason, Server, ServerConfig, ServerTls,
};

use super::certificates::Authority;
use super::tls::{address, server};
use crate::support::{PATIENCE, TestServer, chat, echo};

#[test]
fn a_bad_certificate_is_refused_with_the_reason() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let server = server(&authority);
    let refusal = |address: &Address, config: &ClientConfig| {
        Client::connect_with(address, config).unwrap_err().to_string()
    };
    let foreign = refusal(&address(&server), &strangers.client_config());
    assert!(
        foreign.contains("the server's certificate was refused: no trusted authority signed it")
            && foreign.contains("to trust its CA"),
        "{foreign}"
    );
    let namesake = refusal(&address(&server), &Authority::namesake().client_config());
    assert!(
        namesake.contains("certificate was refused: no trusted authority")
            && !namesake.contains('{'),
        "{namesake}"
    );
    let plain = TestServer::start();
    let port = plain.address().port();
    let no_tls =
        refusal(&Address::Tls { host: "localhost".to_owned(), port }, &authority.client_config());
    assert!(no_tls.contains("the server there does not speak TLS"), "{no_tls}");
    let tls_unasked =
        Client::connect(&Address::from(server.address())).unwrap().ping().unwrap_err().to_string();
    assert!(tls_unasked.contains("begin with tls://"), "{tls_unasked}");
    let by_another_name =
        Address::Tls { host: "127.0.0.2".to_owned(), port: server.address().port() };
    // The certificate is not for this name. The connection itself works, since all of 127.0.0.0/8
    // is this machine.
    let wildcard = TestServer::with(|config| {
        config.listen = vec!["tls://0.0.0.0:0".parse().unwrap()];
        config.tls = Some(authority.server_tls());
    });
    let by_another_name = match by_another_name {
        Address::Tls { host, .. } => Address::Tls { host, port: wildcard.address().port() },
        other => other,
    };
    let misnamed = refusal(&by_another_name, &authority.client_config());
    assert!(
        misnamed.contains("it is not for 127.0.0.2, but for localhost, 127.0.0.1"),
        "{misnamed}"
    );
    server.wait_for_closes(CloseReason::TlsFailed, 3);
    wildcard.wait_for_closes(CloseReason::TlsFailed, 1);
    assert_eq!(
        Client::connect_with(&address(&server), &authority.client_config())
            .unwrap()
            .echo(b"x")
            .unwrap(),
        b"x"
    );
}

#[test]
fn plain_text_on_the_tls_port_is_closed_and_counted() {
    let authority = Authority::new();
    let server = server(&authority);
    let mut neighbour =
        Client::connect_with(&address(&server), &authority.client_config()).unwrap();
    let plain: [&[u8]; 4] = [
        &echo(&Message::Ping(b"hello")),
        &chat(&MessagePayload::Connect { username: "ada" }),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &[0xFF; 70_000],
    ];
    for (count, bytes) in (1..).zip(plain) {
        let mut socket = TcpStream::connect(server.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // The server may close while the rest is on its way.
        let _ = socket.write_all(bytes);
        let mut answer = Vec::new();
        // An alert at most (record type 21), then the end or a reset.
        let _ = socket.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer[0] == 21, "{answer:02X?}");
        server.wait_for_closes(CloseReason::TlsFailed, count);
        neighbour.ping().unwrap();
    }
}

#[test]
fn a_handshake_that_ends_or_stalls_is_closed() {
    let authority = Authority::new();
    let server = TestServer::with(|config| {
        config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
        config.tls = Some(authority.server_tls());
        config.limits.sign_in_timeout = Duration::from_secs(3600);
        config.limits.close_timeout = Duration::from_millis(100);
    });
    // The start of a ClientHello: a handshake record of 512 bytes, of which only the first eight
    // are sent.
    let cut_hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01];
    for bytes in [&[][..], &cut_hello[..1], &cut_hello] {
        let mut ending = TcpStream::connect(server.address()).unwrap();
        ending.write_all(bytes).unwrap();
        ending.shutdown(Shutdown::Write).unwrap();
        ending.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = ending.read_to_end(&mut Vec::new());
    }
    // One that says nothing is a probe of the port.
    server.wait_for_closes(CloseReason::TlsFailed, 2);
    server.wait_for_closes(CloseReason::EndOfInput, 1);
    let mut silent: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for (socket, bytes) in silent.iter_mut().zip([&[][..], &cut_hello[..1], &cut_hello]) {
        socket.write_all(bytes).unwrap();
    }
    server.wait_until("the silent", |metrics| metrics.clients_connected == 3);
    server.change_limits(|limits| limits.sign_in_timeout = Duration::from_millis(400));
    server.wait_for_closes(CloseReason::SignInTimeout, 3);
    server.wait_until_empty();
}

#[test]
fn settings_that_cannot_work_are_one_sentence_that_names_the_file() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let good = authority.server_tls();
    let no_certificate = authority.file("empty.pem", "nothing here\n");
    let refusal = |tls: Option<ServerTls>| {
        let mut config = ServerConfig::default();
        config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
        config.tls = tls;
        Server::bind(config).unwrap_err().to_string()
    };
    assert!(refusal(None).contains("TLS needs a certificate and its key"));
    let mut tls = good.clone();
    tls.identity.certificate.clone_from(&no_certificate);
    assert!(refusal(Some(tls)).contains("empty.pem holds no certificate in PEM form"));
    let mut tls = good.clone();
    tls.identity.key.clone_from(&no_certificate);
    assert!(refusal(Some(tls)).contains("empty.pem holds no private key in PEM form"));
    let mut tls = good.clone();
    tls.identity.key = strangers.server_tls().identity.key;
    assert!(refusal(Some(tls)).contains("server.pem cannot be used with its key"));
    // As an editor, or a full disk, leaves one; and one that holds something else.
    let half = std::fs::read_to_string(&good.identity.certificate).unwrap();
    let half = authority.file("half.pem", &half[..half.len() / 2]);
    let mut tls = good.clone();
    tls.identity.certificate = half;
    let told = refusal(Some(tls));
    let says = "half.pem, which begins in line 1, is no certificate that can be used: a section \
                has no END line";
    assert!(told.ends_with(says) && told.starts_with("block 1 of "), "{told}");
    let label = "CERTIFICATE";
    let other = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let mut tls = good.clone();
    tls.client_ca = Some(authority.file("other.pem", &other));
    let told = refusal(Some(tls));
    assert!(told.contains("block 1 of ") && told.ends_with("used: bad encoding"), "{told}");
    let mut tls = good.clone();
    tls.identity.key = "/nowhere/server.key".into();
    assert!(
        refusal(Some(tls))
            .contains("/nowhere/server.key, the file with the private key, cannot be read")
    );
    let mut tls = good;
    tls.client_ca = Some(no_certificate.clone());
    assert!(refusal(Some(tls)).contains("empty.pem holds no CA certificate in PEM form"));
    let config = ClientConfig {
        tls: ClientTls { ca: Some(no_certificate), identity: None },
        ..ClientConfig::default()
    };
    let refused = Client::connect_with(&"tls://127.0.0.1:9".parse().unwrap(), &config)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("empty.pem holds no CA certificate in PEM form"), "{refused}");
}

/// It cannot be told, and the time for draining is not for it.
#[test]
fn a_handshake_that_stalls_does_not_hold_up_the_end() {
    const NEVER: Duration = Duration::from_secs(3600);
    for bytes in [&b""[..], &[0x16, 3, 1]] {
        let authority = Authority::new();
        let mut server = TestServer::with(|config| {
            config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
            config.tls = Some(authority.server_tls());
            config.drain_timeout = NEVER;
            config.limits.sign_in_timeout = NEVER;
            config.limits.close_timeout = NEVER;
        });
        let mut silent = TcpStream::connect(server.address()).unwrap();
        silent.write_all(bytes).unwrap();
        server.wait_until("an accept", |metrics| metrics.connections_accepted == 1);
        server.handle().shut_down();
        server.wait_for_end();
    }
}
