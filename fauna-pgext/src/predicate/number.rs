//! Conditions on numbers, which are doubles.
//!
//! A column's values become doubles by a function that never decreases: integers beyond 2^53 and numerics by
//! rounding, `real` by way of what it prints as. So "at least 18" is, in the column's own type, "at least the least value
//! that becomes 18 or more", which indexes on it can serve. For `real`, that value is searched for with the very conversion
//! that evaluation uses.

use fauna_core::MAX_SAFE_INTEGER;

use super::class::{Class, EXACT_DIGITS, Precision};
use super::condition::Condition;
use super::decimal::{midpoint, overflow, shortest, significant_digits};
use super::sql::{Sql, equals_any};
use crate::unguarded;

/// More intervals than this are rather asked of the function.
const MAX_INTERVALS: usize = 8;

/// The condition on a column that is not null, or `None` if only evaluation can tell.
pub fn comparison(value: &str, class: &Class, condition: &Condition<'_>) -> Option<Sql> {
    let numbers: Vec<f64> = condition.numbers().map(|number| number + 0.0).collect();
    if condition.is_equality() {
        return equality(value, class, &numbers);
    }
    let limit = condition.limit(numbers.into_iter(), f64::total_cmp)?;
    let (direction, beyond) = match condition.operator {
        "gte" => (Direction::Above, false),
        "gt" => (Direction::Above, true),
        "lt" => (Direction::Below, false),
        _ => (Direction::Below, true),
    };
    Some(match class {
        Class::Integer { min, max } => integer_bound(value, (*min, *max), direction, limit, beyond),
        Class::Single => single_bound(value, direction, limit, beyond),
        Class::Double => double_bound(value, direction, limit, beyond),
        Class::Numeric(precision) => numeric_bound(value, *precision, direction, limit, beyond),
        _ => return None,
    })
}

/// Whether a value that is not null is there as a number: `NaN`, infinities and what lies beyond the doubles are missing.
pub fn is_finite(value: &str, class: &Class) -> Sql {
    match class {
        Class::Single | Class::Double => Sql::all([
            Sql::Test(format!("{value} > '-Infinity'")),
            Sql::Test(format!("{value} < 'Infinity'")),
        ]),
        Class::Numeric(precision) => {
            Sql::all([guard(value, *precision, Direction::Below), guard(value, *precision, Direction::Above)])
        }
        _ => Sql::Always,
    }
}

/// On which side of an edge values match: those at or above it, or those below.
///
/// The edge lies before the limit, or `beyond` it, behind all that counts as the limit: `gt` is above the second.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Above,
    Below,
}

fn equality(value: &str, class: &Class, numbers: &[f64]) -> Option<Sql> {
    Some(match class {
        Class::Integer { min, max } => {
            let (mut single, mut several) = (Vec::new(), Vec::new());
            for number in numbers {
                let Some(first) = least_integer((*min, *max), *number, false) else { continue };
                let last = least_integer((*min, *max), *number, true).map_or(*max, |next| next - 1);
                match last.checked_sub(first) {
                    Some(0) => single.push(first.to_string()),
                    Some(1..) => several.push((first, last)),
                    _ => {}
                }
            }
            if several.len() > MAX_INTERVALS {
                return None;
            }
            let intervals = several.into_iter().map(|(first, last)| {
                Sql::all([Sql::Test(format!("{value} >= {first}")), Sql::Test(format!("{value} <= {last}"))])
            });
            let single = if let [one] = &single[..] {
                Sql::Test(format!("{value} = {one}"))
            } else {
                equals_any(value, &single)
            };
            Sql::any([single].into_iter().chain(intervals))
        }
        Class::Single => {
            let singles = numbers.iter().filter_map(|number| {
                let found = least_single(*number, false)?;
                (unguarded::nearest_to_printed(found) == Some(*number)).then(|| found.to_string())
            });
            equals_any(value, &singles.collect::<Vec<_>>())
        }
        Class::Double => equals_any(value, &numbers.iter().copied().map(shortest).collect::<Vec<_>>()),
        Class::Numeric(Precision::Exact) => {
            let kept = numbers.iter().copied().filter(|number| significant_digits(*number) <= EXACT_DIGITS);
            equals_any(value, &kept.map(shortest).collect::<Vec<_>>())
        }
        Class::Numeric(precision) if numbers.len() <= MAX_INTERVALS => {
            let above = |number, beyond| numeric_bound(value, *precision, Direction::Above, number, beyond);
            let below = |number, beyond| numeric_bound(value, *precision, Direction::Below, number, beyond);
            Sql::any(numbers.iter().map(|number| Sql::all([above(*number, false), below(*number, true)])))
        }
        _ => return None,
    })
}

/// The integers in a range that count as the condition's numbers, if each of those is at most one.
pub fn integers((min, max): (i64, i64), condition: &Condition<'_>) -> Option<Vec<String>> {
    let mut integers = Vec::new();
    for number in condition.numbers() {
        if number.abs() > MAX_SAFE_INTEGER {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "in the range of integers")]
        let integer = number as i64;
        if number.fract() == 0.0 && (min..=max).contains(&integer) {
            integers.push(integer.to_string());
        }
    }
    Some(integers)
}

/// The least of the integers that counts as `number` or more, or as more.
fn least_integer(range: (i64, i64), number: f64, beyond: bool) -> Option<i64> {
    least(range, |integer| {
        #[expect(clippy::cast_precision_loss, reason = "every number is a double")]
        let double = integer as f64;
        if beyond { double > number } else { double >= number }
    })
}

/// The least integer in a range that passes, if all greater ones do.
fn least((min, max): (i64, i64), passes: impl Fn(i64) -> bool) -> Option<i64> {
    let (mut low, mut high) = (i128::from(min), i128::from(max) + 1);
    while low < high {
        let middle = (low + high).div_euclid(2);
        if i64::try_from(middle).is_ok_and(&passes) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    i64::try_from(low).ok().filter(|least| *least <= max)
}

fn integer_bound(value: &str, range: (i64, i64), direction: Direction, limit: f64, beyond: bool) -> Sql {
    let Some(edge) = least_integer(range, limit, beyond) else {
        return if direction == Direction::Above { Sql::Never } else { Sql::Always };
    };
    if edge == range.0 {
        return if direction == Direction::Above { Sql::Always } else { Sql::Never };
    }
    let edge = if beyond { edge - 1 } else { edge };
    Sql::Test(format!("{value} {} {edge}", operator(direction, beyond)))
}

/// The other side of a bound: to the server, not-a-number is above all others.
fn finite(value: &str, direction: Direction, test: String) -> Sql {
    let guard = match direction {
        Direction::Above => format!("{value} < 'Infinity'"),
        Direction::Below => format!("{value} > '-Infinity'"),
    };
    Sql::all([Sql::Test(test), Sql::Test(guard)])
}

fn operator(direction: Direction, beyond: bool) -> &'static str {
    match (direction, beyond) {
        (Direction::Above, false) => ">=",
        (Direction::Above, true) => ">",
        (Direction::Below, false) => "<",
        (Direction::Below, true) => "<=",
    }
}

fn double_bound(value: &str, direction: Direction, limit: f64, beyond: bool) -> Sql {
    finite(value, direction, format!("{value} {} '{}'", operator(direction, beyond), shortest(limit)))
}

fn single_bound(value: &str, direction: Direction, limit: f64, beyond: bool) -> Sql {
    let edge = least_single(limit, beyond);
    match (direction, edge) {
        (Direction::Above, None) => Sql::Never,
        (Direction::Above, Some(edge)) => finite(value, direction, format!("{value} >= '{edge}'")),
        (Direction::Below, Some(edge)) => finite(value, direction, format!("{value} < '{edge}'")),
        (Direction::Below, None) => finite(value, direction, format!("{value} < 'Infinity'")),
    }
}

/// The least finite `real` that counts as `number` or more, or as more.
fn least_single(number: f64, beyond: bool) -> Option<f32> {
    let passes = |place| {
        let double = unguarded::nearest_to_printed(at_place(place)).unwrap_or(f64::NAN);
        if beyond { double > number } else { double >= number }
    };
    least((place_of(f32::MIN), place_of(f32::MAX)), passes).map(at_place)
}

/// A real's place in the order of all of them.
fn place_of(real: f32) -> i64 {
    let bits = real.to_bits();
    let magnitude = i64::from(bits & !(1 << 31));
    // Minus zero comes before zero.
    if real.is_sign_negative() { -1 - magnitude } else { magnitude }
}

fn at_place(place: i64) -> f32 {
    let (magnitude, sign) = if place < 0 { (-1 - place, 1 << 31) } else { (place, 0) };
    f32::from_bits(u32::try_from(magnitude).unwrap_or_default() | sign)
}

fn numeric_bound(value: &str, precision: Precision, direction: Direction, limit: f64, beyond: bool) -> Sql {
    if precision == Precision::Exact && significant_digits(limit) <= EXACT_DIGITS {
        let test = format!("{value} {} '{}'", operator(direction, beyond), shortest(limit));
        return Sql::all([Sql::Test(test), guard(value, precision, direction)]);
    }
    // The edge lies before the first double that counts.
    let first = if beyond { limit.next_up() } else { limit };
    let (edge, is_inside) = if first.is_infinite() {
        (overflow(), true)
    } else if first.next_down().is_infinite() {
        (format!("-{}", overflow()), false)
    } else {
        // Halfway between two doubles, the one with the even mantissa is taken.
        (midpoint(first.next_down(), first), first.to_bits() & 1 == 0)
    };
    let test = format!("{value} {} '{edge}'", operator(direction, !is_inside));
    Sql::all([Sql::Test(test), guard(value, precision, direction)])
}

/// The other side of a bound: numbers beyond the range of doubles are missing, and `NaN` is above all to the server.
fn guard(value: &str, precision: Precision, direction: Direction) -> Sql {
    match (precision, direction) {
        (Precision::Any, Direction::Above) => Sql::Test(format!("{value} < '{}'", overflow())),
        (Precision::Any, Direction::Below) => Sql::Test(format!("{value} > '-{}'", overflow())),
        (_, Direction::Above) => Sql::Test(format!("{value} < 'NaN'")),
        (_, Direction::Below) => Sql::Always,
    }
}
