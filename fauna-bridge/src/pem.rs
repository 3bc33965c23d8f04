//! Certificates and keys from PEM files.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A file cannot be used. Says what it was for and what is wrong, without its contents.
#[derive(Debug, thiserror::Error)]
#[error("{purpose}: {} cannot be used: {reason}", .path.display())]
pub struct PemError {
    purpose: &'static str,
    path: std::path::PathBuf,
    reason: String,
}

impl PemError {
    /// What is wrong with the file at `path`, which is for `purpose`.
    pub fn new(purpose: &'static str, path: &Path, reason: &dyn std::error::Error) -> Self {
        Self { purpose, path: path.to_owned(), reason: reason.to_string() }
    }
}

/// All certificates in a file, at least one.
///
/// # Errors
/// It cannot be read or has none.
pub fn certificates(purpose: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let unusable = |error: &dyn std::error::Error| PemError::new(purpose, path, error);
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(unusable(&rustls::Error::NoCertificatesPresented)),
        read => read.map_err(|error| unusable(&error)),
    }
}

/// The private key in a file: PKCS #8, PKCS #1 or SEC 1, not encrypted.
///
/// # Errors
/// It cannot be read or has none.
pub fn private_key(purpose: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| PemError::new(purpose, path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_or_has_nothing_is_named_with_its_purpose() {
        for path in ["/nonexistent.pem", "/dev/null"] {
            let certificate = certificates("the certificate", Path::new(path)).unwrap_err().to_string();
            assert!(
                certificate.starts_with(&format!("the certificate: {path} cannot be used: ")),
                "{certificate}"
            );
            let key = private_key("the key", Path::new(path)).unwrap_err().to_string();
            assert!(key.starts_with(&format!("the key: {path} cannot be used: ")), "{key}");
        }
    }
}
