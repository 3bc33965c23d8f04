//! What a rule or the default serves: one variant, or a split of the buckets among several.

use serde_json::{Map, Value as Json};

use crate::bucket::{BUCKETS, Salt, bucket_of};
use crate::document::{self, DocumentError, object, optional, required, required_string};
use crate::flag::{Variant, position};
use crate::{AttributePath, Context, Timestamp};

#[derive(Debug, Clone)]
pub(crate) enum Serve {
    /// The position of a variant.
    Variant(usize),
    Split(Split),
}

/// Consecutive ranges of buckets, one per entry, from bucket 0 up.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    by: AttributePath,
    entries: Box<[Allocation]>,
    ramp: Option<Ramp>,
}

#[derive(Debug, Clone)]
struct Allocation {
    variant: usize,
    /// In thousandths of a percent: how many of the buckets.
    weight: u32,
}

/// The first entry's weight as a function of time: linear from `start_weight` to its own.
#[derive(Debug, Clone)]
struct Ramp {
    from: Timestamp,
    until: Timestamp,
    start_weight: u32,
}

impl Serve {
    /// Whether what it serves depends on the time.
    pub(crate) fn has_ramp(&self) -> bool {
        matches!(self, Self::Split(split) if split.ramp.is_some())
    }

    /// When its ramp begins and when it ends.
    pub(crate) fn ramp_edges(&self) -> Option<[Timestamp; 2]> {
        match self {
            Self::Split(Split { ramp: Some(ramp), .. }) => Some([ramp.from, ramp.until]),
            _ => None,
        }
    }

    /// The first instant after `now` at which it serves the context something else.
    pub(crate) fn next_change<C: Context + ?Sized>(
        &self,
        salt: &Salt,
        context: &C,
        now: Timestamp,
    ) -> Option<Timestamp> {
        match self {
            Self::Variant(_) => None,
            Self::Split(split) => split.next_change(salt, context, now),
        }
    }

    pub(crate) fn compile(serve: &Json, variants: &[Variant]) -> Result<Self, DocumentError> {
        let serve = object(serve)?;
        match (optional(serve, "variant"), optional(serve, "split")) {
            (Some(_), None) => Ok(Self::Variant(variant(serve, variants)?)),
            (None, Some(_)) => Split::compile(serve, variants).map(Self::Split),
            _ => Err(DocumentError::new("needs either a variant or a split")),
        }
    }
}

impl Split {
    fn compile(serve: &Map<String, Json>, variants: &[Variant]) -> Result<Self, DocumentError> {
        let entries = document::each(serve, "split", |entry| {
            let entry = object(entry)?;
            Ok(Allocation { variant: variant(entry, variants)?, weight: weight(entry, "weight")? })
        })?;
        if entries.iter().map(|entry| u64::from(entry.weight)).sum::<u64>() > u64::from(BUCKETS) {
            return Err(DocumentError::new("weights add up to more than 100000").within("split"));
        }
        let by = document::optional_string(serve, "by")?.unwrap_or("targetingKey");
        let ramp = optional(serve, "ramp").map(Ramp::compile).transpose().map_err(|e| e.within("ramp"))?;
        Ok(Self { by: AttributePath::new(by), entries, ramp })
    }

    /// The variant at the context's bucket; `None` beyond the last entry, or without a bucket.
    pub(crate) fn pick<C: Context + ?Sized>(
        &self,
        salt: &Salt,
        context: &C,
        now: Timestamp,
    ) -> Option<usize> {
        let bucket = self.bucket(salt, context)?;
        self.ends(now).find(|(_, end)| bucket < *end).map(|(variant, _)| variant)
    }

    /// The attribute that buckets are taken from.
    pub(crate) fn by(&self) -> &AttributePath {
        &self.by
    }

    /// The context's bucket.
    pub(crate) fn bucket<C: Context + ?Sized>(&self, salt: &Salt, context: &C) -> Option<u32> {
        bucket_of(salt, context.bucket_value(&self.by))
    }

    /// The first instant after `now` at which the context's bucket lies in another entry's range.
    fn next_change<C: Context + ?Sized>(
        &self,
        salt: &Salt,
        context: &C,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let ramp = self.ramp.as_ref()?;
        let (first, others) = self.entries.split_first()?;
        let bucket = self.bucket(salt, context)?;
        let weight = ramp.weight(first.weight, now);
        let grows = ramp.start_weight < first.weight;
        // All ranges move with the first one's weight. The end of each passes the bucket at one weight; counted from the
        // first range's end, those ends stand still.
        let offsets = others.iter().scan(0, |end, entry| {
            *end += entry.weight;
            Some(*end)
        });
        let last_below = std::iter::once(0).chain(offsets).filter_map(|offset| bucket.checked_sub(offset));
        let target = if grows {
            last_below.map(|below| below + 1).filter(|target| *target > weight).min()
        } else {
            last_below.filter(|target| *target < weight).max()
        };
        ramp.reaches(first.weight, target?)
    }

    /// Every entry's variant, and the bucket that its range ends before.
    pub(crate) fn ends(&self, now: Timestamp) -> impl Iterator<Item = (usize, u32)> {
        let mut end = 0;
        self.entries.iter().enumerate().map(move |(place, entry)| {
            end += match &self.ramp {
                Some(ramp) if place == 0 => ramp.weight(entry.weight, now),
                _ => entry.weight,
            };
            (entry.variant, end)
        })
    }
}

impl Ramp {
    fn compile(ramp: &Json) -> Result<Self, DocumentError> {
        let ramp = object(ramp)?;
        let instant = |member| {
            let instant = document::optional_timestamp(ramp, member)?;
            instant.ok_or_else(|| DocumentError::new("missing").within(member))
        };
        let ramp = Self {
            from: instant("from")?,
            until: instant("until")?,
            start_weight: weight(ramp, "startWeight")?,
        };
        if ramp.until < ramp.from {
            return Err(DocumentError::new("ends before it begins"));
        }
        Ok(ramp)
    }

    /// The first instant at which the weight has come as far as `target`, which it had not at the start; `None` if it never does.
    fn reaches(&self, end_weight: u32, target: u32) -> Option<Timestamp> {
        let between = |from: u32, to: u32| i128::from(to) - i128::from(from);
        let (growth, needed) = (between(self.start_weight, end_weight), between(self.start_weight, target));
        if needed.abs() > growth.abs() || needed.signum() != growth.signum() {
            return None;
        }
        let total = i128::from(self.until.as_micros()) - i128::from(self.from.as_micros());
        // The inverse of `weight`, which rounds down: growing arrives when the quotient is whole, shrinking just after the quotient
        // for one less.
        let elapsed = if growth > 0 {
            (needed * total + growth - 1).div_euclid(growth)
        } else {
            ((-needed - 1) * total).div_euclid(-growth) + 1
        };
        // At most `total`, so it cannot fail.
        let elapsed = i64::try_from(elapsed.min(total)).ok()?;
        Some(Timestamp::from_micros(self.from.as_micros() + elapsed))
    }

    fn weight(&self, end_weight: u32, now: Timestamp) -> u32 {
        if now >= self.until {
            return end_weight;
        }
        if now <= self.from {
            return self.start_weight;
        }
        let micros = |instant: Timestamp| i128::from(instant.as_micros());
        let elapsed = micros(now) - micros(self.from);
        let growth = i128::from(end_weight) - i128::from(self.start_weight);
        let grown = (growth * elapsed).div_euclid(micros(self.until) - micros(self.from));
        // Between two weights, so it cannot fail.
        u32::try_from(i128::from(self.start_weight) + grown).unwrap_or(end_weight)
    }
}

fn variant(object: &Map<String, Json>, variants: &[Variant]) -> Result<usize, DocumentError> {
    let key = required_string(object, "variant")?;
    position(variants, key).ok_or_else(|| DocumentError::new("no such variant").within("variant"))
}

fn weight(object: &Map<String, Json>, member: &str) -> Result<u32, DocumentError> {
    let weight = required(object, member)?.as_f64();
    let whole = weight.filter(|weight| weight.fract() == 0.0 && (0.0..=f64::from(BUCKETS)).contains(weight));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    whole
        .map(|weight| weight as u32)
        .ok_or_else(|| DocumentError::new("not an integer from 0 to 100000").within(member))
}
