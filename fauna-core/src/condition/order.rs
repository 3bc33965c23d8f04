//! Bounds and sets over ordered values.

use std::cmp::Ordering;

use super::operator::Direction;

/// One side of a limit. Several values mean any of them, so only the loosest is kept.
#[derive(Debug)]
pub(crate) struct Bound<T> {
    limit: T,
    direction: Direction,
}

impl<T> Bound<T> {
    /// `None` without values.
    pub(crate) fn new(
        direction: Direction,
        values: Vec<T>,
        order: impl Fn(&T, &T) -> Ordering,
    ) -> Option<Self> {
        let loosest = |a: T, b: T| if order(&a, &b) == direction.side { b } else { a };
        Some(Self { limit: values.into_iter().reduce(loosest)?, direction })
    }

    /// Whether a value matches, given how it compares with the limit; `None`: it does not compare.
    pub(crate) fn admits(&self, order: impl FnOnce(&T) -> Option<Ordering>) -> bool {
        let Direction { side, inclusive } = self.direction;
        order(&self.limit).is_some_and(|order| order == side || inclusive && order.is_eq())
    }
}

/// `eq` and `in` over values with an order of their own.
#[derive(Debug)]
pub(crate) struct SortedSet<T>(Box<[T]>);

impl<T> SortedSet<T> {
    pub(crate) fn new(mut values: Vec<T>, order: impl Fn(&T, &T) -> Ordering) -> Self {
        values.sort_by(order);
        Self(values.into_boxed_slice())
    }

    /// Whether some member is equal, given how a member compares with the value.
    pub(crate) fn contains(&self, order: impl FnMut(&T) -> Ordering) -> bool {
        self.0.binary_search_by(order).is_ok()
    }
}
