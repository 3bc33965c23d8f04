//! Comparing the short texts that keys and values mostly are, and looking at their bytes.

/// Whether two byte strings are equal; up to 16 bytes without a call, which takes longer than to compare them.
///
/// ```
/// # use fauna_core::same_bytes;
/// assert!(same_bytes(b"country", b"country"));
/// assert!(!same_bytes(b"country", b"county"));
/// ```
#[must_use]
#[inline]
pub fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        length if length != b.len() => false,
        0 => true,
        1 => a[0] == b[0],
        2..4 => same_ends::<2>(a, b),
        4..8 => same_ends::<4>(a, b),
        8..=16 => same_ends::<8>(a, b),
        _ => a == b,
    }
}

/// Of two texts of one length between `N` and twice that, which two chunks of `N` cover.
#[inline]
fn same_ends<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

/// Whether all bytes are ASCII; up to 16 bytes without a call.
///
/// ```
/// # use fauna_core::is_ascii;
/// assert!(is_ascii(b"CA"));
/// assert!(!is_ascii("Québec".as_bytes()));
/// ```
#[must_use]
#[inline]
pub fn is_ascii(bytes: &[u8]) -> bool {
    match bytes.len() {
        0 => true,
        1 => bytes[0].is_ascii(),
        2..4 => are_ends_ascii(bytes, u16::from_ne_bytes),
        4..8 => are_ends_ascii(bytes, u32::from_ne_bytes),
        8..=16 => are_ends_ascii(bytes, u64::from_ne_bytes),
        _ => bytes.is_ascii(),
    }
}

/// The same of a text that two words cover.
#[inline]
fn are_ends_ascii<const N: usize, W: Into<u64>>(bytes: &[u8], word: impl Fn([u8; N]) -> W) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let end = |chunk: Option<&[u8; N]>| chunk.map_or(HIGH_BITS, |chunk| word(*chunk).into());
    (end(bytes.first_chunk()) | end(bytes.last_chunk())) & HIGH_BITS == 0
}

#[cfg(test)]
mod tests {
    use super::{is_ascii, same_bytes};

    #[test]
    fn texts_of_every_short_length_are_ascii_only_if_every_byte_is() {
        for length in 0..40 {
            let text = vec![b'x'; length];
            assert!(is_ascii(&text));
            for at in 0..length {
                let mut other = text.clone();
                other[at] = 0x80;
                assert!(!is_ascii(&other), "{length} bytes, another at {at}");
            }
        }
    }

    #[test]
    fn texts_of_every_short_length_are_the_same_only_if_every_byte_is() {
        for length in 0..40_u8 {
            let text: Vec<u8> = (0..length).collect();
            assert!(same_bytes(&text, &text.clone()));
            for at in 0..text.len() {
                let mut other = text.clone();
                other[at] ^= 0x80;
                assert!(!same_bytes(&text, &other), "{length} bytes, another at {at}");
                assert!(!same_bytes(&text, &text[..at]), "{length} bytes and {at}");
            }
        }
    }
}
