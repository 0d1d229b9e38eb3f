//! The client's end of a TLS connection without this crate's client: a blocking socket and a rustls
//! session, with nothing hidden.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, StreamOwned, SupportedProtocolVersion};

use super::certificates::Authority;
use crate::support::PATIENCE;

pub(super) struct TlsPeer {
    pub(super) stream: StreamOwned<ClientConnection, TcpStream>,
}

impl TlsPeer {
    /// Connects with this version of TLS alone, and does the handshake.
    pub(super) fn connect(
        authority: &Authority,
        address: SocketAddr,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        Self::over(TcpStream::connect(address).unwrap(), authority, version)
    }

    /// The same over a connection that is there.
    pub(super) fn over(
        mut socket: TcpStream,
        authority: &Authority,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&authority.certificate).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        // All bytes that a test writes before it flushes leave in one piece.
        session.set_buffer_limit(None);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        while session.is_handshaking() || session.wants_write() {
            session.complete_io(&mut socket).unwrap();
        }
        Self { stream: StreamOwned::new(session, socket) }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Sends each byte in a record of its own, all records in one piece. Returns the number of
    /// sealed bytes.
    pub(super) fn send_in_single_bytes(&mut self, bytes: &[u8]) -> usize {
        let mut sealed = Vec::new();
        for byte in bytes.chunks(1) {
            self.stream.conn.writer().write_all(byte).unwrap();
            while self.stream.conn.wants_write() {
                self.stream.conn.write_tls(&mut sealed).unwrap();
            }
        }
        self.stream.sock.write_all(&sealed).unwrap();
        sealed.len()
    }

    /// Sends close_notify, and shuts the socket's sending side.
    pub(super) fn shut_down_sending(&mut self) {
        self.stream.conn.send_close_notify();
        while self.stream.conn.wants_write() {
            self.stream.conn.write_tls(&mut self.stream.sock).unwrap();
        }
        self.stream.sock.shutdown(Shutdown::Write).unwrap();
    }

    /// Sends these bytes and close_notify in one piece, and leaves the socket open.
    pub(super) fn send_sealed_with_end(&mut self, bytes: &[u8]) {
        self.stream.conn.writer().write_all(bytes).unwrap();
        self.stream.conn.send_close_notify();
        let mut sealed = Vec::new();
        while self.stream.conn.wants_write() {
            self.stream.conn.write_tls(&mut sealed).unwrap();
        }
        self.stream.sock.write_all(&sealed).unwrap();
    }

    pub(super) fn expect(&mut self, bytes: &[u8]) {
        let mut received = vec![0; bytes.len()];
        self.stream.read_exact(&mut received).unwrap();
        assert!(received == bytes, "other bytes than expected");
    }

    /// Expects close_notify and the end: an end without it is an error to rustls.
    pub(super) fn expect_clean_end(&mut self) {
        assert_eq!(self.stream.read(&mut [0]).unwrap(), 0);
    }
}
