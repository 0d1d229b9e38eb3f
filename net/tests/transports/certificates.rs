//! A certification authority for tests, and its certificates, as files that are removed with it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cafewire_net::{ClientConfig, ClientTls, ServerTls, TlsIdentity};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

pub(super) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    pub(super) certificate: PathBuf,
}

impl Authority {
    pub(super) fn new() -> Self {
        Self::with_key(KeyPair::generate().unwrap())
    }

    /// An authority of the same name with a key of another kind.
    pub(super) fn namesake() -> Self {
        Self::with_key(KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap())
    }

    fn with_key(key: KeyPair) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir()
            .join(format!("cafewire-transports-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = folder.join("ca.pem");
        std::fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key), certificate }
    }

    /// A certificate for these names, signed, with its key.
    pub(super) fn sign(&self, file: &str, names: &[&str]) -> TlsIdentity {
        self.sign_params(file, params(names))
    }

    /// The same, valid from long ago to this second.
    pub(super) fn sign_until(&self, file: &str, names: &[&str], until: SystemTime) -> TlsIdentity {
        let mut params = params(names);
        let seconds = until.duration_since(UNIX_EPOCH).unwrap().as_secs();
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        self.sign_params(file, params)
    }

    fn sign_params(&self, file: &str, params: CertificateParams) -> TlsIdentity {
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let identity = TlsIdentity {
            certificate: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
        };
        std::fs::write(&identity.certificate, signed.pem()).unwrap();
        std::fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }

    /// The TLS settings of a server on this machine.
    pub(super) fn server_tls(&self) -> ServerTls {
        ServerTls { identity: self.sign("server", &["localhost", "127.0.0.1"]), client_ca: None }
    }

    /// A client's configuration that trusts this authority alone.
    pub(super) fn client_config(&self) -> ClientConfig {
        let tls = ClientTls { ca: Some(self.certificate.clone()), identity: None };
        ClientConfig { tls, ..ClientConfig::default() }
    }

    /// A file in this folder with this content.
    pub(super) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    CertificateParams::new(names).unwrap()
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
