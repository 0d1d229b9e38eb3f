//! TLS settings, and the rustls configurations made of them. Reads files; opens no socket.
//!
//! TLS 1.2 and 1.3 are supported, with the cipher suites that rustls and its ring provider consider
//! safe. Certificates are always checked; no setting turns that off.

mod files;
#[cfg(any(feature = "client", feature = "server"))]
mod validity;
mod words;

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, KeyLog, KeyLogFile, NoKeyLog, RootCertStore, ServerConfig};

use self::files::{CERTIFICATE, certificates_in, private_key_in, roots_in};
#[cfg(any(feature = "client", feature = "server"))]
pub use self::validity::{CertificateUse, Validity};
pub(crate) use self::words::{certificate_in_words, in_words};

/// The variable with the file for the keys of sessions, for programs that read captures.
const KEY_LOG_VARIABLE: &str = "SSLKEYLOGFILE";

/// The file that the keys of sessions are to be written to, if the environment asks for that
/// (`SSLKEYLOGFILE`), and whether it can be written, which is tried. Keys are appended by servers
/// and clients on `tls://` addresses; where the file cannot be written, connections go on without.
///
/// ```
/// use cafewire_net::tls;
/// match tls::key_log_file() {
///     Some((path, Ok(()))) => println!("{} has the keys", path.display()),
///     Some((path, Err(error))) => println!("{} cannot be written: {error}", path.display()),
///     None => println!("no keys are written"),
/// }
/// ```
#[must_use]
pub fn key_log_file() -> Option<(PathBuf, io::Result<()>)> {
    let path = key_log_path()?;
    // As rustls opens it.
    let opened = OpenOptions::new().append(true).create(true).open(&path).map(|_| ());
    Some((path, opened))
}

fn key_log_path() -> Option<PathBuf> {
    std::env::var_os(KEY_LOG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// A certificate and its key, as files in PEM form.
///
/// ```
/// use cafewire_net::TlsIdentity;
/// let identity = TlsIdentity {
///     certificate: "/etc/cafewire/fullchain.pem".into(),
///     key: "/etc/cafewire/privkey.pem".into(),
/// };
/// assert!(identity.key.is_absolute()); // the files are read at bind or connect
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsIdentity {
    /// The certificate, followed by those that lead to a root, in that order.
    pub certificate: PathBuf,
    /// The private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// The TLS settings of a server's `tls://` addresses.
///
/// ```
/// use cafewire_net::{Client, ClientConfig, ClientTls, ServerConfig, ServerTls};
/// # let (identity, _folder) =
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/certificate.rs"));
/// // `identity` is a self-signed certificate for 127.0.0.1 and its key.
/// let mut config = ServerConfig::default();
/// config.listen = vec!["tls://127.0.0.1:0".parse()?];
/// config.tls = Some(ServerTls { identity: identity.clone(), client_ca: None });
/// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
/// # let (address, _, _server) = serve(Some(config));
/// let tls = ClientTls { ca: Some(identity.certificate), identity: None };
/// let config = ClientConfig { tls, ..ClientConfig::default() };
/// let mut client = Client::connect_with(&address, &config)?;
/// assert_eq!(client.echo(b"hello")?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// The certificate that the server shows, and its key.
    pub identity: TlsIdentity,
    /// If given, clients must show a certificate that one of these signed (mutual TLS).
    pub client_ca: Option<PathBuf>,
}

/// The TLS settings of a client's `tls://` addresses. By default the certificates that the system
/// trusts are trusted and none is shown.
///
/// ```
/// use cafewire_net::{Client, ClientConfig, ClientTls, ServerConfig, ServerTls};
/// # let (identity, _folder) =
/// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/certificate.rs"));
/// // Mutual TLS: server and client trust the same certificate, and show it.
/// let ca = Some(identity.certificate.clone());
/// let mut config = ServerConfig::default();
/// config.listen = vec!["tls://127.0.0.1:0".parse()?];
/// config.tls = Some(ServerTls { identity: identity.clone(), client_ca: ca.clone() });
/// # let serve = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/serve.rs"));
/// # let (address, _, _server) = serve(Some(config));
/// let tls = ClientTls { ca, identity: Some(identity) };
/// Client::connect_with(&address, &ClientConfig { tls, ..ClientConfig::default() })?.ping()?;
/// let refused = Client::connect(&address).unwrap_err(); // the default trusts only the system's
/// assert!(refused.to_string().starts_with("cannot connect to tls://127.0.0.1:"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// A file with the certificates, and no others, that are trusted to sign a server's.
    pub ca: Option<PathBuf>,
    /// The certificate that the client shows to a server that asks, and its key.
    pub identity: Option<TlsIdentity>,
}

/// A fault in TLS settings. Displays as a sentence that names the file.
///
/// ```
/// use cafewire_net::tls::TlsError;
/// use cafewire_net::{ServerTls, TlsIdentity};
/// let [certificate, key] = ["/nonexistent/a.pem", "/nonexistent/a.key"].map(Into::into);
/// let identity = TlsIdentity { certificate, key };
/// let error = ServerTls { identity, client_ca: None }.load().unwrap_err();
/// assert!(matches!(&error, TlsError::File { path, .. } if path.ends_with("a.pem")));
/// let sentence = error.to_string();
/// assert!(sentence.starts_with("/nonexistent/a.pem, the file with the certificate, cannot"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or does not hold what it should.
    File {
        /// The file.
        path: PathBuf,
        /// The expected content.
        wanted: &'static str,
        /// The fault.
        source: pem::Error,
    },
    /// A certificate cannot be used, or does not match its key.
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// The expected content.
        wanted: &'static str,
        /// The fault.
        source: rustls::Error,
    },
    /// A block of a file with certificates is none.
    Block {
        /// The file.
        path: PathBuf,
        /// The expected content.
        wanted: &'static str,
        /// Which of the file's blocks, from 1 on.
        number: usize,
        /// The line that the block begins in, from 1 on.
        line: usize,
        /// The fault, as part of a sentence.
        fault: String,
    },
    /// The CA certificates for clients cannot be used.
    ClientCa {
        /// The file.
        path: PathBuf,
        /// The fault.
        source: rustls::server::VerifierBuilderError,
    },
    /// The system provides no trusted certificates.
    NoSystemRoots,
    /// The crypto provider does not support TLS 1.2 and 1.3.
    Provider(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, wanted, source } => {
                let path = path.display();
                match source {
                    pem::Error::NoItemsFound => write!(f, "{path} holds no {wanted} in PEM form"),
                    pem::Error::Io(error) => {
                        write!(f, "{path}, the file with the {wanted}, cannot be read: {error}")
                    }
                    other => {
                        let other = words::pem_in_words(other);
                        write!(f, "{path} is no file with a {wanted} in PEM form: {other}")
                    }
                }
            }
            Self::Unusable { path, wanted, source } => {
                let path = path.display();
                match source {
                    rustls::Error::InvalidCertificate(error) => {
                        let error = certificate_in_words(error);
                        write!(f, "a {wanted} in {path} cannot be used: {error}")
                    }
                    other => {
                        let other = in_words(other);
                        write!(f, "the certificate in {path} cannot be used with its key: {other}")
                    }
                }
            }
            Self::Block { path, number, line, fault, .. } => write!(
                f,
                "block {number} of {}, which begins in line {line}, is no certificate that can be \
                 used: {fault}",
                path.display()
            ),
            Self::ClientCa { path, source } => {
                write!(f, "the CA certificates in {} cannot be used: {source}", path.display())
            }
            Self::NoSystemRoots => f.write_str(
                "this system has no trusted certificates: \
                     name a file with the server's CA instead",
            ),
            Self::Provider(source) => write!(f, "TLS cannot be used: {}", in_words(source)),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Unusable { source, .. } | Self::Provider(source) => Some(source),
            Self::ClientCa { source, .. } => Some(source),
            Self::Block { .. } | Self::NoSystemRoots => None,
        }
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

impl ServerTls {
    /// Reads the files and makes the configuration. A server does this when it binds and when it
    /// reloads; a caller may do it to check the settings.
    ///
    /// # Errors
    /// [`TlsError::File`], [`TlsError::Block`], [`TlsError::Unusable`], [`TlsError::ClientCa`],
    /// each with the file; [`TlsError::Provider`].
    ///
    /// ```
    /// use cafewire_net::ServerTls;
    /// # let (identity, _folder) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/certificate.rs"));
    /// let tls = ServerTls { identity: identity.clone(), client_ca: None };
    /// tls.load()?; // the files are valid
    /// std::fs::write(&identity.key, "no key")?;
    /// let error = tls.load().unwrap_err();
    /// assert!(error.to_string().ends_with("holds no private key in PEM form"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        self.load_all().map_err(|mut faults| faults.swap_remove(0).1)
    }

    /// The same, with all faults there are, one at least, each with the setting that it is in.
    pub(crate) fn load_all(&self) -> Result<Arc<ServerConfig>, Vec<(&'static str, TlsError)>> {
        let mut faults = Vec::new();
        let mut of = |setting, fault| faults.push((setting, fault));
        let TlsIdentity { certificate, key } = &self.identity;
        let roots = self.client_ca.as_ref().map(|path| (path, roots_in(path)));
        let chain = certificates_in(certificate, CERTIFICATE)
            .map_err(|fault| of("tls_certificate", fault))
            .ok();
        let key = private_key_in(key).map_err(|fault| of("tls_key", fault)).ok();
        let verifier = match roots {
            None => None,
            Some((path, roots)) => roots
                .and_then(|roots| {
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                        .build()
                        .map_err(|source| TlsError::ClientCa { path: path.clone(), source })
                })
                .map_err(|fault| of("tls_client_ca", fault))
                .ok(),
        };
        let (Some(chain), Some(key), true) = (chain, key, faults.is_empty()) else {
            return Err(faults);
        };
        self.with_files(chain, key, verifier).map_err(|fault| vec![("tls_certificate", fault)])
    }

    fn with_files(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Provider)?;
        let builder = match verifier {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|source| self.identity.unusable(source))?;
        if self.client_ca.is_some() {
            // A session that is resumed is not asked for its certificate again: it would outlive
            // that, and renew itself for ever.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        config.key_log = key_log();
        Ok(Arc::new(config))
    }
}

impl ClientTls {
    /// Reads the files and makes the configuration. A client does this when it connects; a caller
    /// may do it to check the settings.
    ///
    /// # Errors
    /// [`TlsError::File`], [`TlsError::Block`], [`TlsError::Unusable`], each with the file;
    /// [`TlsError::NoSystemRoots`], [`TlsError::Provider`].
    ///
    /// ```
    /// use cafewire_net::ClientTls;
    /// # let (identity, _folder) =
    /// #     include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/certificate.rs"));
    /// let tls = ClientTls { ca: Some(identity.certificate.clone()), identity: None };
    /// tls.load()?; // the file is valid
    /// std::fs::write(&identity.certificate, "no certificate")?;
    /// let error = tls.load().unwrap_err();
    /// assert!(error.to_string().ends_with("holds no CA certificate in PEM form"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let roots = match &self.ca {
            Some(path) => roots_in(path)?,
            None => system_roots()?,
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Provider)?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.load()?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|source| identity.unusable(source))?
            }
        };
        config.key_log = key_log();
        Ok(Arc::new(config))
    }
}

impl TlsIdentity {
    fn load(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let chain = certificates_in(&self.certificate, CERTIFICATE)?;
        Ok((chain, private_key_in(&self.key)?))
    }

    fn unusable(&self, source: rustls::Error) -> TlsError {
        TlsError::Unusable { path: self.certificate.clone(), wanted: CERTIFICATE, source }
    }
}

/// Keys are written where the variable says, if it says so.
fn key_log() -> Arc<dyn KeyLog> {
    match key_log_path() {
        Some(_) => Arc::new(KeyLogFile::new()),
        None => Arc::new(NoKeyLog),
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The certificates that the system trusts. Single ones that cannot be used are passed over, as in
/// other programs.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoSystemRoots) } else { Ok(roots) }
}
