//! The right to an event stream, as a word in a URL.
//!
//! A browser's `EventSource` can send no headers, and an SDK key does not belong into a URL that a provider may keep for weeks. So the response of a
//! bulk evaluation carries a ticket: which key, for which context, and a signature over both. The secret is derived from the hash of the
//! key that the database stores, so that every bridge can check a ticket that any other has made, after a restart, too, and none has to
//! remember it. It holds as long as its key does: providers keep it over restarts, and a 304 cannot bring a new one.
//!
//! Who finds a ticket can see *when* the configuration changes, and the revision. It yields no value, no name of a flag, and not the
//! context, for which a keyed digest stands; it opens nothing else, and it ends when the key is revoked.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::evaluation::EvaluationContext;
use crate::sdk_key::SdkKey;

/// Says what the signature is for, so that no other use of the same secret can be passed off as a ticket.
const PURPOSE: &[u8] = b"fauna ofrep event stream 1";

/// The same for what stands for the context.
const CONTEXT: &[u8] = b"fauna ofrep context 1";

/// A ticket; whether it is genuine only [`Ticket::is_signed_by`] says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    key_id: Uuid,
    context: [u8; 16],
    signature: [u8; 16],
}

/// The text is no ticket.
#[derive(Debug, PartialEq, Eq)]
pub struct MalformedTicket;

impl Ticket {
    /// For the holder of `key` and this context. None if the key's id is no UUID, as every id of the database is.
    pub fn issue(key: &SdkKey, context: &EvaluationContext) -> Option<Self> {
        let key_id = key.id.parse().ok()?;
        // Not the digest itself: who can guess a context could see in a log of URLs that it was this one.
        let context = half(mac(key, CONTEXT, key_id, &context.digest())?);
        let signature = half(mac(key, PURPOSE, key_id, &context)?);
        Some(Self { key_id, context, signature })
    }

    /// The id of the key that it was made for.
    pub fn key_id(&self) -> String {
        self.key_id.to_string()
    }

    /// Whether it was made by somebody who knows what the database stores of this key. Takes the same time for every wrong signature.
    pub fn is_signed_by(&self, key: &SdkKey) -> bool {
        mac(key, PURPOSE, self.key_id, &self.context)
            .is_some_and(|mac| mac.verify_truncated_left(&self.signature).is_ok())
    }
}

fn half(mac: Hmac<Sha256>) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&mac.finalize().into_bytes()[..16]);
    half
}

fn mac(key: &SdkKey, purpose: &[u8], key_id: Uuid, context: &[u8; 16]) -> Option<Hmac<Sha256>> {
    // HMAC takes a secret of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.hash().reveal().as_bytes()).ok()?;
    mac.update(purpose);
    mac.update(key_id.as_bytes());
    mac.update(context);
    Some(mac)
}

impl fmt::Display for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(self.key_id.as_bytes());
        bytes[16..32].copy_from_slice(&self.context);
        bytes[32..].copy_from_slice(&self.signature);
        formatter.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Ticket {
    type Err = MalformedTicket;

    fn from_str(text: &str) -> Result<Self, MalformedTicket> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| MalformedTicket)?;
        let (chunks, rest) = bytes.as_chunks::<16>();
        match (chunks, rest) {
            ([key_id, context, signature], []) => {
                Ok(Self { key_id: Uuid::from_bytes(*key_id), context: *context, signature: *signature })
            }
            _ => Err(MalformedTicket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdk_key::KeyRing;

    const ID: &str = "6f1c2a9e-0b54-4d7c-9a43-5f3d1c0e8b11";

    fn key(hash: &str) -> SdkKey {
        let document = format!(r#"{{"kind":"client","hash":"{hash}","expiresAt":null,"revokedAt":null}}"#);
        KeyRing::read([(ID, document.as_str())]).0.get(ID).unwrap().clone()
    }

    fn context(text: &str) -> EvaluationContext {
        serde_json::from_str::<crate::evaluation::ContextJson>(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn a_ticket_is_accepted_by_whoever_knows_the_keys_hash_and_by_nobody_else() {
        let ticket = Ticket::issue(&key("one"), &context("{}")).unwrap();
        let text = ticket.to_string();
        assert_eq!(text.len(), 64);
        let read: Ticket = text.parse().ok().unwrap();
        assert_eq!(read.key_id(), ID);
        assert!(read.is_signed_by(&key("one")) && !read.is_signed_by(&key("other")));
        assert!(text != Ticket::issue(&key("one"), &context(r#"{"a":1}"#)).unwrap().to_string());
    }

    #[test]
    fn a_ticket_with_any_bit_changed_is_not_accepted() {
        let bytes =
            URL_SAFE_NO_PAD.decode(Ticket::issue(&key("one"), &context("{}")).unwrap().to_string()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged: Ticket = URL_SAFE_NO_PAD.encode(forged).parse().ok().unwrap();
            assert!(!forged.is_signed_by(&key("one")), "bit {bit}");
        }
        for malformed in ["", "x", "!", &"A".repeat(63), &"A".repeat(65), &"A".repeat(128)] {
            assert!(malformed.parse::<Ticket>().is_err(), "{malformed}");
        }
    }
}
