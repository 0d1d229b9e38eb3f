//! Clients' certificates that expire: no session that was agreed on before lets one in after.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cafewire_core::Message;
use cafewire_net::tls::CertificateUse;
use cafewire_net::{CloseReason, TlsIdentity};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, StreamOwned, SupportedProtocolVersion,
};

use super::certificates::Authority;
use crate::support::{PATIENCE, TestServer, echo, wait_until};

/// A client that resumes sessions, with this certificate.
fn client(
    authority: &Authority,
    identity: &TlsIdentity,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&authority.certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_file(&identity.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

/// Connects and pings. Only an answer proves that the server has taken the certificate.
fn ping(server: &TestServer, config: &Arc<ClientConfig>) -> io::Result<Option<HandshakeKind>> {
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::clone(config), name).unwrap();
    let socket = TcpStream::connect(server.address())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(session, socket);
    stream.write_all(&echo(&Message::Ping(b"in")))?;
    stream.read_exact(&mut [0; 7])?;
    Ok(stream.conn.handshake_kind())
}

#[test]
fn a_session_does_not_outlive_the_clients_certificate() {
    let authority = Authority::new();
    let server = TestServer::with(|config| {
        config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
        let mut tls = authority.server_tls();
        tls.client_ca = Some(authority.certificate.clone());
        config.tls = Some(tls);
    });
    for version in [&TLS12, &TLS13] {
        // Long enough for a first connection, on this machine as it is now.
        let config = (1..10)
            .find_map(|doublings| {
                let until = SystemTime::now() + Duration::from_secs(1 << doublings);
                let identity = authority.sign_until("client", &["client"], until);
                let config = client(&authority, &identity, version);
                ping(&server, &config).is_ok().then_some(config)
            })
            .expect("a certificate that is valid is taken");
        wait_until(|| match ping(&server, &config) {
            Ok(kind) => {
                assert_ne!(kind, Some(HandshakeKind::Resumed), "it would not be asked again");
                false
            }
            Err(_) => true,
        })
        .expect("a certificate that has expired is refused");
    }
    // A client may know before the server has counted.
    server.wait_until("both are refused", |metrics| metrics.closes(CloseReason::TlsFailed) >= 2);
}

/// Where clients show no certificate, resuming saves both sides the arithmetic.
#[test]
fn sessions_are_resumed_where_clients_show_no_certificate() {
    let authority = Authority::new();
    let server = super::tls::server(&authority);
    let identity = authority.sign("client", &["client"]);
    for version in [&TLS12, &TLS13] {
        let config = client(&authority, &identity, version);
        assert_eq!(ping(&server, &config).unwrap(), Some(HandshakeKind::Full));
        assert_eq!(ping(&server, &config).unwrap(), Some(HandshakeKind::Resumed));
    }
}

#[test]
fn the_metrics_say_when_certificates_expire_also_after_a_reload() {
    let authority = Authority::new();
    let in_seconds = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
    let tls = |until: SystemTime| {
        let mut tls = authority.server_tls();
        tls.identity = authority.sign_until("dated", &["localhost"], until);
        tls
    };
    let server = TestServer::with(|config| {
        config.listen = vec!["tls://127.0.0.1:0".parse().unwrap()];
        config.tls = Some(tls(in_seconds(2_000_000_000)));
    });
    let expiry = |used| server.metrics().certificate_expiry(used);
    assert_eq!(expiry(CertificateUse::Shown), Some(2_000_000_000));
    assert_eq!(expiry(CertificateUse::Authority), None);
    server.change(|config| {
        let mut tls = tls(in_seconds(1_600_000_000));
        tls.client_ca = Some(authority.certificate.clone());
        config.tls = Some(tls);
    });
    assert_eq!(expiry(CertificateUse::Shown), Some(1_600_000_000), "it has expired");
    assert!(expiry(CertificateUse::Authority).is_some());
    assert_eq!(TestServer::start().metrics().certificate_expiry(CertificateUse::Shown), None);
}
