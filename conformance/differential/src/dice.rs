//! Where choices come from: a seed, or the bytes of a coverage-guided fuzzer.

use fastrand::Rng;

/// A source of choices.
#[derive(Debug)]
pub struct Dice<'b>(Source<'b>);

#[derive(Debug)]
enum Source<'b> {
    Seeded(Rng),
    /// After the last byte, every choice is the first.
    Bytes(std::slice::Iter<'b, u8>),
}

impl<'b> Dice<'b> {
    /// The same choices for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Rng::with_seed(seed)))
    }

    /// Choices taken from `bytes`, one byte for a choice among up to 256, so that a fuzzer that changes a byte
    /// changes a choice.
    pub fn from_bytes(bytes: &'b [u8]) -> Self {
        Self(Source::Bytes(bytes.iter()))
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        match &mut self.0 {
            Source::Seeded(rng) => rng.u64(..bound),
            Source::Bytes(bytes) => {
                let width = (u64::BITS - (bound - 1).leading_zeros()).div_ceil(8);
                let number =
                    (0..width).fold(0, |number, _| number << 8 | bytes.next().map_or(0, |b| u64::from(*b)));
                number % bound
            }
        }
    }

    /// A number from `low` to `high`, both possible.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low.wrapping_add_unsigned(self.below(high.abs_diff(low) + 1))
    }

    /// How many of something: from `low` to `high`.
    pub(crate) fn count(&mut self, low: usize, high: usize) -> usize {
        let above = self.below((high - low + 1) as u64);
        // Below a bound that was a usize.
        low + usize::try_from(above).unwrap_or(0)
    }

    /// True once in `n` times.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == n - 1
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.count(0, from.len() - 1)]
    }

    /// `low` to `high` things made one after the other.
    pub(crate) fn some<T>(
        &mut self,
        low: usize,
        high: usize,
        mut make: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        (0..self.count(low, high)).map(|_| make(self)).collect()
    }
}
