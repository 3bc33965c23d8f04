//! Buckets: where a subject falls in a split. The hash never changes, because changing it would
//! move every user of every rollout.
//!
//! The algorithm is Austin Appleby's `MurmurHash3_x86_32` (public domain), seed 0, over
//! `salt + "." + value`. The salt is known when a flag is compiled, so its whole four-byte blocks
//! are mixed then and an evaluation continues from there.

use std::borrow::Cow;

use crate::Value;

/// Buckets are numbered 0 to 99 999: one per thousandth of a percent.
pub(crate) const BUCKETS: u32 = 100_000;

/// The greatest of the integers that a double can tell from their neighbours.
pub const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The bucket of `value` under `salt`, in 0..=99 999.
///
/// ```
/// assert_eq!(fauna_core::bucket("checkout", "user-1"), 17_502);
/// ```
pub fn bucket(salt: &str, value: &str) -> u32 {
    Salt::new(salt).bucket(value)
}

/// A salt, hashed as far as it can be without the value.
#[derive(Debug, Clone)]
pub(crate) struct Salt {
    state: u32,
    /// Bytes that do not fill a block yet, lowest first.
    pending: u32,
    pending_bytes: u32,
    length: usize,
}

impl Salt {
    pub(crate) fn new(salt: &str) -> Self {
        let mut hash = Self { state: 0, pending: 0, pending_bytes: 0, length: 0 };
        hash.write(salt.as_bytes());
        hash.write(b".");
        hash
    }

    pub(crate) fn bucket(&self, value: &str) -> u32 {
        let mut hash = self.clone();
        hash.write(value.as_bytes());
        scale(hash.finish())
    }

    /// Bytes are little-endian blocks of four wherever the writes are split.
    fn write(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        let shift = self.pending_bytes * 8;
        let (blocks, rest) = bytes.as_chunks::<4>();
        for block in blocks {
            let block = u32::from_le_bytes(*block);
            self.block(self.pending | block << shift);
            self.pending = if shift == 0 { 0 } else { block >> (32 - shift) };
        }
        for byte in rest {
            self.pending |= u32::from(*byte) << (self.pending_bytes * 8);
            self.pending_bytes += 1;
            if self.pending_bytes == 4 {
                self.block(self.pending);
                (self.pending, self.pending_bytes) = (0, 0);
            }
        }
    }

    fn block(&mut self, block: u32) {
        self.state = (self.state ^ scramble(block)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }

    fn finish(&self) -> u32 {
        // The length enters modulo 2^32, as in the original.
        #[expect(clippy::cast_possible_truncation)]
        let mut hash = self.state ^ scramble(self.pending) ^ self.length as u32;
        hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
        hash ^ hash >> 16
    }
}

fn scramble(block: u32) -> u32 {
    block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

/// Maps the whole range of the hash evenly onto the buckets.
fn scale(hash: u32) -> u32 {
    ((u64::from(hash) * u64::from(BUCKETS)) >> 32) as u32
}

/// The bucket of an attribute: of a string, or of a number that is an integer every double can
/// tell from its neighbours, written in decimal. `None`: counts as missing.
pub(crate) fn bucket_of<A>(salt: &Salt, value: Option<Value<'_, A>>) -> Option<u32> {
    match value? {
        Value::String(Cow::Borrowed(text)) => Some(salt.bucket(text)),
        Value::String(Cow::Owned(text)) => Some(salt.bucket(&text)),
        Value::Instant(instant) => Some(salt.bucket(&instant.to_rfc3339())),
        Value::Number(number) if number.fract() == 0.0 && number.abs() <= MAX_SAFE_INTEGER => {
            #[expect(clippy::cast_possible_truncation)]
            let integer = number as i64;
            Some(salt.bucket(itoa::Buffer::new().format(integer)))
        }
        _ => None,
    }
}
