//! Numbers in jsonb: PostgreSQL's `numeric`, digits to the base 10 000.
//!
//! `numeric::float8` prints the number and reads it back. For what contexts contain (up to four
//! digits of that base, a power of ten that a double holds exactly) one multiplication or division
//! of two exact doubles gives the same, correctly rounded result at a fraction of the cost
//! (Clinger, "How to read floating point numbers accurately", 1990); anything else is read from
//! its decimal digits as PostgreSQL does.

use std::fmt::Write as _;

const SIGN: u16 = 0xC000;
const NEGATIVE: u16 = 0x4000;
const SHORT: u16 = 0x8000;
const SPECIAL: u16 = 0xC000;
const SHORT_NEGATIVE: u16 = 0x2000;
const SHORT_WEIGHT_NEGATIVE: u16 = 0x0040;
const SHORT_WEIGHT: u16 = 0x003F;

/// Above this a double no longer holds every integer.
const EXACT_INTEGERS: u64 = 1 << 53;

/// The powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// A `numeric`, as it lies in a jsonb value.
#[derive(Debug, Clone, Copy)]
pub struct Numeric<'a> {
    bytes: &'a [u8],
}

/// Its sign, its digits, and the power of 10 000 of the first.
struct Parts<'a> {
    is_negative: bool,
    weight: i32,
    digits: &'a [u8],
}

impl<'a> Numeric<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// With its varlena header.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The nearest double; infinite beyond the largest. `None` for NaN and infinity, which jsonb
    /// cannot hold.
    pub fn to_f64(self) -> Option<f64> {
        let parts = self.parts()?;
        let magnitude = parts.quick_magnitude().or_else(|| parts.read_magnitude())?;
        Some(if parts.is_negative { -magnitude } else { magnitude })
    }

    /// The number, if it is an integer in the range of `bigint`.
    pub fn to_i64(self) -> Option<i64> {
        let parts = self.parts()?;
        let mut integer = 0_i64;
        let mut weight = parts.weight;
        for digit in parts.digits() {
            if weight < 0 && digit != 0 {
                return None;
            }
            if weight >= 0 {
                let digit = i64::from(digit);
                let digit = if parts.is_negative { -digit } else { digit };
                integer = integer.checked_mul(10_000)?.checked_add(digit)?;
            }
            weight -= 1;
        }
        if weight >= 0 && integer != 0 {
            integer = integer.checked_mul(10_000_i64.checked_pow(u32::try_from(weight).ok()? + 1)?)?;
        }
        Some(integer)
    }

    fn parts(self) -> Option<Parts<'a>> {
        let body = without_varlena_header(self.bytes)?;
        let header = half(body, 0)?;
        match header & SIGN {
            SPECIAL => None,
            SHORT => {
                let weight = i32::from(header & SHORT_WEIGHT);
                let weight = if header & SHORT_WEIGHT_NEGATIVE == 0 { weight } else { weight - 64 };
                let is_negative = header & SHORT_NEGATIVE != 0;
                Some(Parts { is_negative, weight, digits: body.get(2..)? })
            }
            sign => {
                let weight = i32::from(half(body, 2)?.cast_signed());
                Some(Parts { is_negative: sign == NEGATIVE, weight, digits: body.get(4..)? })
            }
        }
    }
}

impl Parts<'_> {
    fn digits(&self) -> impl Iterator<Item = u16> {
        self.digits.as_chunks().0.iter().map(|digit| u16::from_ne_bytes(*digit))
    }

    /// The power of ten of the last digit's unit.
    fn exponent(&self) -> i32 {
        4 * (self.weight + 1 - i32::try_from(self.digits.len() / 2).unwrap_or(i32::MAX))
    }

    #[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
    fn quick_magnitude(&self) -> Option<f64> {
        if self.digits.len() > 8 {
            return None;
        }
        let mantissa = self.digits().fold(0, |mantissa, digit| mantissa * 10_000 + u64::from(digit));
        let power = EXACT_POWERS.get(usize::try_from(self.exponent().unsigned_abs()).ok()?)?;
        let mantissa = (mantissa <= EXACT_INTEGERS).then_some(mantissa as f64)?;
        Some(if self.exponent() < 0 { mantissa / power } else { mantissa * power })
    }

    fn read_magnitude(&self) -> Option<f64> {
        let mut decimal = String::with_capacity(2 * self.digits.len() + 8);
        for digit in self.digits() {
            write!(decimal, "{digit:04}").ok()?;
        }
        write!(decimal, "e{}", self.exponent()).ok()?;
        decimal.parse().ok()
    }
}

/// The value inside a variable-length datum that is neither compressed nor out of line.
fn without_varlena_header(bytes: &[u8]) -> Option<&[u8]> {
    let first = *bytes.first()?;
    let is_short = if cfg!(target_endian = "little") { first & 1 == 1 } else { first & 0x80 == 0x80 };
    bytes.get(if is_short { 1 } else { 4 }..)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}
