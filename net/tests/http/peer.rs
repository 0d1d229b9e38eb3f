//! An HTTP client that sends given bytes and parses responses strictly; and a server with an HTTP
//! port for it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use cafewire_net::ServerConfig;

use crate::support::{PATIENCE, TestServer, uninterrupted};

/// A server with an HTTP port, and the port's address.
pub(super) fn server(change: impl FnOnce(&mut ServerConfig)) -> (TestServer, SocketAddr) {
    let mut address = None;
    let server = TestServer::with_prepared(
        |config| {
            config.http = vec!["127.0.0.1:0".parse().unwrap()];
            change(config);
        },
        |server| address = Some(server.http_addresses()[0]),
    );
    (server, address.unwrap())
}

pub(super) struct HttpPeer {
    pub(super) socket: TcpStream,
    received: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The header fields, names in lower case.
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: String,
}

impl Response {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(field, _)| field == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice");
        value
    }

    pub(super) fn closes(&self) -> bool {
        match self.field("connection") {
            Some("close") => true,
            Some("keep-alive") => false,
            other => panic!("Connection: {other:?}"),
        }
    }
}

impl HttpPeer {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { socket, received: Vec::new() }
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    pub(super) fn half_close(&self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// The next response to a request other than HEAD.
    pub(super) fn response(&mut self) -> Response {
        let mut response = self.head();
        let len: usize = response.field("content-length").unwrap().parse().unwrap();
        while self.received.len() < len {
            assert!(self.fill(), "the end came within a body");
        }
        response.body = String::from_utf8(self.received.drain(..len).collect()).unwrap();
        response
    }

    /// The next response, without its body.
    pub(super) fn head(&mut self) -> Response {
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            assert!(self.fill(), "the end came within a head");
        };
        let head = String::from_utf8(self.received.drain(..end + 4).collect()).unwrap();
        let mut lines = head[..end].split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
        let fields = lines.map(|line| line.split_once(": ").unwrap());
        let fields =
            fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Response { status: status[..3].parse().unwrap(), fields, body: String::new() }
    }

    /// Sends a GET of this path and returns the response.
    pub(super) fn get(&mut self, path: &str) -> Response {
        self.send(get(path));
        self.response()
    }

    /// Expects the end, in order and with no bytes before it.
    pub(super) fn expect_end(&mut self) {
        let more = self.fill();
        assert!(
            !more && self.received.is_empty(),
            "{:?} instead of the end",
            String::from_utf8_lossy(&self.received)
        );
    }

    /// Reads once. False at the end. A reset fails the test: it would have destroyed unread bytes.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 4096];
        match uninterrupted(|| self.socket.read(&mut chunk)) {
            Ok(count) => {
                self.received.extend_from_slice(&chunk[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("nothing came for {PATIENCE:?}")
            }
            Err(error) => panic!("no end in order: {error}"),
        }
    }
}

pub(super) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}
