//! Doubles as exact decimals, and the numbers halfway between two of them.
//!
//! A `numeric` counts as the nearest double, so a limit on doubles is, on numerics, the number halfway to the double
//! before it; and what counts as that limit itself lies between two such numbers.

/// Places behind the decimal point that the smallest double takes, and one more for halving it.
const PLACES: usize = 1075;

/// The number halfway between two doubles of the same sign (or zero), in decimal.
pub fn midpoint(a: f64, b: f64) -> String {
    let mut digits = sum(&digits(a), &digits(b));
    let mut rest = 0;
    for digit in &mut digits {
        let value = rest * 10 + *digit;
        (*digit, rest) = (value / 2, value % 2);
    }
    written(&digits, a < 0.0 || b < 0.0)
}

/// The least number that no finite double is nearest to, in decimal.
pub fn overflow() -> String {
    // Half the distance between the largest double and the one before it.
    let half = (f64::MAX - f64::MAX.next_down()) / 2.0;
    written(&sum(&digits(f64::MAX), &digits(half)), false)
}

/// How many digits the shortest decimal takes that reads as this double.
pub fn significant_digits(number: f64) -> usize {
    let text = format!("{:e}", number.abs());
    text.split('e').next().map_or(0, |mantissa| mantissa.bytes().filter(u8::is_ascii_digit).count())
}

/// The shortest decimal that reads as this double.
pub fn shortest(number: f64) -> String {
    let is_short = number == 0.0 || (1e-6..1e16).contains(&number.abs());
    if is_short { number.to_string() } else { format!("{number:e}") }
}

/// The digits of the absolute value, in units of the last place.
fn digits(number: f64) -> Vec<u8> {
    let text = format!("{:.PLACES$}", number.abs());
    text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect()
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let length = a.len().max(b.len()) + 1;
    let mut sum = vec![0; length];
    let mut carry = 0;
    for place in 0..length {
        let digit = |digits: &[u8]| digits.len().checked_sub(place + 1).map_or(0, |index| digits[index]);
        let value = digit(a) + digit(b) + carry;
        (sum[length - 1 - place], carry) = (value % 10, value / 10);
    }
    sum
}

fn written(digits: &[u8], is_negative: bool) -> String {
    let text: String = digits.iter().map(|digit| char::from(b'0' + digit)).collect();
    let (whole, fraction) = text.split_at(text.len() - PLACES);
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let sign = if is_negative { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}
