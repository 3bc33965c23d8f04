//! SDK keys: what a client presents, and what the log says about it.
//!
//! Only hashes are held. A key is 256 random bits, so a plain SHA-256 is enough: there is nothing to guess, and a
//! look-up by hash leaks nothing by its timing.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fauna_core::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::redacted::Redacted;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Rules and audiences, for servers.
    Server,
    /// Evaluated flags only, for browsers and apps.
    Client,
}

/// A key as a client sent it, already hashed: the text itself is not kept.
#[derive(Clone, PartialEq, Eq)]
pub struct PresentedKey {
    hash: String,
}

/// The text does not look like a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an SDK key is fauna_sk_ or fauna_ck_ and 64 hexadecimal digits")]
pub struct MalformedKey;

impl FromStr for PresentedKey {
    type Err = MalformedKey;

    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        let digits = text.strip_prefix("fauna_sk_").or_else(|| text.strip_prefix("fauna_ck_"));
        let digits = digits.ok_or(MalformedKey)?;
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(MalformedKey);
        }
        Ok(Self { hash: hex(&Sha256::digest(text.as_bytes())) })
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PresentedKey(***)")
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One registered key.
#[derive(Clone, Debug)]
pub struct SdkKey {
    /// The key's id in `fauna.sdk_keys`.
    pub id: Arc<str>,
    /// What it may be used for.
    pub kind: KeyKind,
    expires_at: Option<Timestamp>,
    revoked: bool,
    hash: Redacted<Arc<str>>,
}

/// Why a registered key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// Somebody revoked it.
    Revoked,
    /// Its time has passed, by this machine's clock.
    Expired,
}

impl SdkKey {
    /// What the database stores of it. Every bridge knows it, and no client without the key does.
    pub fn hash(&self) -> &Redacted<Arc<str>> {
        &self.hash
    }

    /// Whether the key opens anything at `now`.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, now: SystemTime) -> Result<(), Unusable> {
        if self.revoked {
            return Err(Unusable::Revoked);
        }
        match self.expires_in(now) {
            Some(Duration::ZERO) => Err(Unusable::Expired),
            _ => Ok(()),
        }
    }

    /// How long it stays valid after `now`; none = without end.
    pub fn expires_in(&self, now: SystemTime) -> Option<Duration> {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let expiry = u128::try_from(self.expires_at?.as_micros()).unwrap_or(0);
        Some(Duration::from_micros(u64::try_from(expiry.saturating_sub(now)).unwrap_or(u64::MAX)))
    }
}

/// The document of kind `sdk_key`; members that only people read are left out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyDocument {
    kind: KeyKind,
    hash: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
}

/// A key's id and document, as they were read.
pub type KeyText = (Arc<str>, Box<str>);

/// The keys of one environment.
#[derive(Debug, Default)]
pub struct KeyRing {
    by_hash: HashMap<String, SdkKey>,
    hash_by_id: HashMap<Arc<str>, String>,
    documents: Vec<KeyText>,
}

/// A key document that cannot be understood. Its key opens nothing; the others are unaffected.
#[derive(Debug, PartialEq, Eq)]
pub struct BrokenKey {
    /// The key's id.
    pub id: Arc<str>,
    /// What is wrong with the document, without its contents.
    pub reason: String,
}

impl KeyRing {
    /// Reads documents, given as (id, JSON text).
    pub fn read<'a>(documents: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<BrokenKey>) {
        let (mut ring, mut broken) = (Self::default(), Vec::new());
        for (id, document) in documents {
            ring.documents.push((id.into(), document.into()));
            match read_key(id, document) {
                Ok((hash, key)) => {
                    ring.hash_by_id.insert(Arc::clone(&key.id), hash.clone());
                    ring.by_hash.insert(hash, key);
                }
                Err(reason) => broken.push(BrokenKey { id: id.into(), reason }),
            }
        }
        (ring, broken)
    }

    /// The registered key for a presented one.
    pub fn find(&self, presented: &PresentedKey) -> Option<&SdkKey> {
        self.by_hash.get(&presented.hash)
    }

    /// Everything that was read, what cannot be used included.
    pub fn documents(&self) -> &[KeyText] {
        &self.documents
    }

    /// The key with this id.
    pub fn get(&self, id: &str) -> Option<&SdkKey> {
        self.by_hash.get(self.hash_by_id.get(id)?)
    }
}

fn read_key(id: &str, document: &str) -> Result<(String, SdkKey), String> {
    // serde_json's message may quote a value, so only the place is kept.
    let document: KeyDocument =
        serde_json::from_str(document).map_err(|error| format!("unreadable at column {}", error.column()))?;
    let expires_at = document
        .expires_at
        .map(|text| Timestamp::parse(&text).ok_or("expiresAt is not an RFC 3339 timestamp"))
        .transpose()?;
    let revoked = document.revoked_at.is_some();
    let hash = Redacted::new(document.hash.as_str().into());
    Ok((document.hash, SdkKey { id: id.into(), kind: document.kind, expires_at, revoked, hash }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "fauna_sk_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    // printf %s "$KEY" | sha256sum
    const HASH: &str = "1f8497c5f8a65111ce0304601f5dbfea2aaa2e461fb9efb4a49c366f859b2700";

    fn ring(rest: &str) -> KeyRing {
        let document = format!(r#"{{"kind":"server","name":"x","hash":"{HASH}",{rest}}}"#);
        let (ring, broken) = KeyRing::read([("id-1", document.as_str())]);
        assert_eq!(broken, []);
        ring
    }

    fn presented() -> PresentedKey {
        KEY.parse().unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_registered_key_is_found_by_what_the_client_presents() {
        let ring = ring(r#""expiresAt":null,"revokedAt":null"#);
        let key = ring.find(&presented()).unwrap();
        assert_eq!((&*key.id, key.kind), ("id-1", KeyKind::Server));
        assert_eq!(key.check(at(u64::MAX / 1000)), Ok(()));
        assert!(ring.get("id-1").is_some() && ring.get("id-2").is_none());
        assert!(ring.find(&KEY.replace("sk", "ck").parse().unwrap()).is_none());
    }

    #[test]
    fn a_revoked_key_is_refused_whatever_its_expiry() {
        let ring = ring(r#""expiresAt":"2100-01-01T00:00:00Z","revokedAt":"2020-01-01T00:00:00Z""#);
        assert_eq!(ring.get("id-1").unwrap().check(at(0)), Err(Unusable::Revoked));
    }

    #[test]
    fn a_key_expires_at_its_instant_and_not_before() {
        let ring = ring(r#""expiresAt":"1970-01-01T00:01:00Z","revokedAt":null"#);
        let key = ring.get("id-1").unwrap();
        assert_eq!(key.check(at(59)), Ok(()));
        assert_eq!(key.expires_in(at(59)), Some(Duration::from_secs(1)));
        assert_eq!(key.check(at(60)), Err(Unusable::Expired));
        assert_eq!(key.check(at(61)), Err(Unusable::Expired));
    }

    #[test]
    fn a_broken_document_harms_only_its_own_key_and_its_words_are_not_repeated() {
        let good = format!(r#"{{"kind":"client","hash":"{HASH}","expiresAt":null,"revokedAt":null}}"#);
        let documents = [
            ("bad-1", r#"{"kind":"root-secret","hash":"x"}"#),
            ("bad-2", r#"{"kind":"server","hash":"x","expiresAt":"tomorrow"}"#),
            ("bad-3", "[]"),
            ("good", good.as_str()),
        ];
        let (ring, broken) = KeyRing::read(documents);
        assert_eq!(broken.iter().map(|key| &*key.id).collect::<Vec<_>>(), ["bad-1", "bad-2", "bad-3"]);
        assert!(broken.iter().all(|key| !key.reason.contains("secret") && !key.reason.contains("tomorrow")));
        assert_eq!(ring.get("good").unwrap().kind, KeyKind::Client);
    }

    #[test]
    fn text_that_is_not_a_key_is_refused() {
        let long = format!("{KEY}0");
        for text in
            ["", "x", "fauna_sk_", &KEY[9..], &KEY[..72], &long, &KEY.replace('a', "g"), &KEY.to_uppercase()]
        {
            assert_eq!(text.parse::<PresentedKey>(), Err(MalformedKey), "{text:?}");
        }
    }

    #[test]
    fn a_presented_key_cannot_be_printed() {
        assert_eq!(format!("{:?}", presented()), "PresentedKey(***)");
    }
}
