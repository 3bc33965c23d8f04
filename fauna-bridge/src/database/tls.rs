//! TLS to PostgreSQL as libpq means it: what `sslmode` and the files beside it ask for, done by rustls.
//!
//! The files are read anew for every connection, so that certificates that are renewed need no restart.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::pem::{PemError, certificates, private_key};

/// The parameters that this module understands.
pub const PARAMETERS: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

/// What `sslmode` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// Without TLS; with it if that is refused.
    Allow,
    /// With TLS, unverified; without it if that is refused.
    Prefer,
    /// With TLS, unverified unless there is a root certificate.
    Require,
    /// With TLS and a certificate of a known authority, for whatever name.
    VerifyCa,
    /// With TLS and a certificate of a known authority for the host's name.
    VerifyFull,
}

/// Whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Roots {
    /// The authorities in this file.
    File(PathBuf),
    /// Those that the operating system trusts.
    System,
}

/// What to encrypt and whom to trust.
#[derive(Clone, Debug)]
pub struct Tls {
    mode: Mode,
    roots: Option<Roots>,
    identity: Option<Identity>,
}

/// How this client proves who it is.
#[derive(Clone, Debug)]
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

/// A file cannot be used, or the parameters contradict each other. Names the parameter and the file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl From<PemError> for TlsError {
    fn from(error: PemError) -> Self {
        Self(error.to_string())
    }
}

impl Mode {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

impl Tls {
    /// Understands the parameters of a connection string. Without `sslrootcert`, `sslcert` and `sslkey` it looks, as libpq does,
    /// for `root.crt`, `postgresql.crt` and `postgresql.key` in `~/.postgresql`.
    ///
    /// # Errors
    /// They cannot be understood, contradict each other, or name files that cannot be used.
    pub fn try_new(parameters: &HashMap<&str, String>) -> Result<Self, TlsError> {
        let given = |name: &str| parameters.get(name).filter(|value| !value.is_empty());
        let roots = match given("sslrootcert").map(String::as_str) {
            Some("system") => Some(Roots::System),
            Some(path) => Some(Roots::File(path.into())),
            None => home_file("root.crt").map(Roots::File),
        };
        let is_system = roots == Some(Roots::System);
        let mode = match given("sslmode") {
            Some(mode) => Mode::parse(mode).ok_or_else(|| {
                TlsError(
                    "sslmode is one of disable, allow, prefer, require, verify-ca and verify-full".into(),
                )
            })?,
            None if is_system => Mode::VerifyFull,
            None => Mode::Prefer,
        };
        if is_system && mode != Mode::VerifyFull {
            return Err(TlsError("sslrootcert=system goes with sslmode=verify-full only".into()));
        }
        if mode >= Mode::VerifyCa && roots.is_none() {
            return Err(TlsError(
                "sslmode=verify-ca and verify-full need sslrootcert=, the path of a PEM file, or system"
                    .into(),
            ));
        }
        let identity = match (given("sslcert"), given("sslkey")) {
            (Some(certificate), Some(key)) => {
                Some(Identity { certificate: certificate.into(), key: key.into() })
            }
            (None, None) => home_file("postgresql.crt")
                .zip(home_file("postgresql.key"))
                .map(|(certificate, key)| Identity { certificate, key }),
            _ => return Err(TlsError("sslcert and sslkey go together".into())),
        };
        let tls = Self { mode, roots, identity };
        // A file that cannot be used now is a mistake that whoever starts the bridge wants to hear of.
        tls.connector()?;
        Ok(tls)
    }

    /// The ways to connect, in the order to try them in.
    pub fn attempts(&self) -> &'static [SslMode] {
        match self.mode {
            Mode::Disable => &[SslMode::Disable],
            Mode::Allow => &[SslMode::Disable, SslMode::Require],
            Mode::Prefer => &[SslMode::Prefer, SslMode::Disable],
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[SslMode::Require],
        }
    }

    /// What shakes hands, with the files as they are now.
    ///
    /// # Errors
    /// A file cannot be used.
    pub fn connector(&self) -> Result<MakeRustlsConnect, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(self.verifier(provider)?);
        let mut config = match self.identity.as_ref().filter(|_| self.mode != Mode::Disable) {
            None => builder.with_no_client_auth(),
            Some(Identity { certificate, key }) => {
                let chain = certificates("sslcert", certificate)?;
                let key = private_key("sslkey", key)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| TlsError(format!("sslcert and sslkey cannot be used: {error}")))?
            }
        };
        // What PostgreSQL expects with sslnegotiation=direct, and otherwise ignores.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(MakeRustlsConnect::new(config))
    }

    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        // libpq's rule: below verify-ca a root certificate is looked at only by `require`.
        let Some(roots) = self.roots.as_ref().filter(|_| self.mode >= Mode::Require) else {
            return Ok(Arc::new(Lenient { provider, authority: None }));
        };
        let roots = Arc::new(roots.read()?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| TlsError(format!("sslrootcert cannot be used: {error}")))?;
        Ok(match self.mode {
            Mode::VerifyFull => verifier,
            _ => Arc::new(Lenient { provider, authority: Some(verifier) }),
        })
    }
}

impl Roots {
    fn read(&self) -> Result<RootCertStore, TlsError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::File(path) => {
                for certificate in certificates("sslrootcert", path)? {
                    store.add(certificate).map_err(|error| PemError::new("sslrootcert", path, &error))?;
                }
            }
            // Some of a system's certificates may be beyond rustls; the others count.
            Self::System => {
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if store.is_empty() {
            return Err(TlsError("sslrootcert has no certificate".into()));
        }
        Ok(store)
    }
}

fn home_file(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("HOME")?).join(".postgresql").join(name);
    path.is_file().then_some(path)
}

/// Accepts any name, and with no authority any certificate. That the server has the key of what it shows is checked all the same.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    authority: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(authority) = &self.authority else { return Ok(ServerCertVerified::assertion()) };
        match authority.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The name is looked at last, so all else is well.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(parameters: &[(&'static str, &str)]) -> Result<Tls, String> {
        let parameters = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Tls::try_new(&parameters).map_err(|error| error.to_string())
    }

    #[test]
    fn every_mode_of_libpq_is_known_and_tried_in_its_order() {
        for (mode, attempts) in [
            ("disable", &[SslMode::Disable][..]),
            ("allow", &[SslMode::Disable, SslMode::Require]),
            ("prefer", &[SslMode::Prefer, SslMode::Disable]),
            ("require", &[SslMode::Require]),
        ] {
            assert_eq!(tls(&[("sslmode", mode)]).unwrap().attempts(), attempts, "{mode}");
        }
        assert_eq!(tls(&[]).unwrap().mode, Mode::Prefer);
        assert!(tls(&[("sslmode", "verify_full")]).is_err());
    }

    #[test]
    fn verification_needs_an_authority_and_that_of_the_system_needs_verification() {
        assert!(tls(&[("sslmode", "verify-full"), ("sslrootcert", "system")]).is_ok());
        assert_eq!(tls(&[("sslrootcert", "system")]).unwrap().mode, Mode::VerifyFull);
        for mode in ["disable", "require", "verify-ca"] {
            let error = tls(&[("sslmode", mode), ("sslrootcert", "system")]).unwrap_err();
            assert!(error.contains("verify-full only"), "{error}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let missing = "/nonexistent/root.pem";
        let error = tls(&[("sslmode", "verify-ca"), ("sslrootcert", missing)]).unwrap_err();
        assert!(error.contains("sslrootcert") && error.contains(missing), "{error}");
        // Not looked at, as libpq does not: nothing is verified.
        assert!(tls(&[("sslmode", "prefer"), ("sslrootcert", missing)]).is_ok());
        let error = tls(&[("sslcert", missing), ("sslkey", missing)]).unwrap_err();
        assert!(error.contains("sslcert") && error.contains(missing), "{error}");
        assert!(tls(&[("sslcert", missing)]).unwrap_err().contains("go together"));
    }
}
