//! TLS on the bridge's own socket: one certificate, which can be exchanged while connections are open.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio_rustls::TlsAcceptor;

use crate::pem::{PemError, certificates, private_key};

/// What is offered, in the order of preference.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];

/// The name of HTTP/2 where protocols are negotiated.
pub const HTTP2: &[u8] = b"h2";

/// Where the certificate and its key are.
#[derive(Clone, Debug)]
pub struct EncryptionFiles {
    /// PEM: the certificate and those that lead to the authority.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// What new connections are encrypted with.
pub struct Encryption {
    files: EncryptionFiles,
    present: RwLock<Arc<ServerConfig>>,
}

impl Encryption {
    /// Reads the files.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn try_new(files: EncryptionFiles) -> Result<Self, PemError> {
        let present = RwLock::new(read(&files)?);
        Ok(Self { files, present })
    }

    /// Reads the files again. Open connections go on with what they began with.
    ///
    /// # Errors
    /// They cannot be used; new connections get what was there before.
    pub fn reload(&self) -> Result<(), PemError> {
        let read = read(&self.files)?;
        *self.present.write() = read;
        Ok(())
    }

    /// Shakes hands with a new connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.present.read()))
    }
}

fn read(files: &EncryptionFiles) -> Result<Arc<ServerConfig>, PemError> {
    let chain = certificates("--tls-cert", &files.certificate)?;
    let key = private_key("--tls-key", &files.key)?;
    let unusable = |error: rustls::Error| PemError::new("--tls-key", &files.key, &error);
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}
