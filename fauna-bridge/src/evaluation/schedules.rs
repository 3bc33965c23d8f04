//! Which flags depend on the time, as far as somebody may know.
//!
//! A client key must not show when a flag is scheduled that it does not see: neither by the instant of an event nor by a tag that changes. So there are
//! two of these, one of everything, and one of what clients see and what decides that.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalog::{Catalog, Slot};

/// Flags in the order of their places.
#[derive(Clone, Debug, Default)]
pub struct Schedules {
    /// Those whose results depend on the time.
    pub timed: Arc<[Slot]>,
    /// Those with windows or ramps of their own that decide these results: among them flags that are only required.
    pub scheduled: Arc<[Slot]>,
}

impl Schedules {
    /// Of `timed`, the flags whose results depend on the time and that somebody may see.
    pub fn of(timed: Arc<[Slot]>, catalog: &Catalog) -> Self {
        let mut seen: BTreeSet<Slot> = timed.iter().copied().collect();
        let mut left = timed.to_vec();
        let mut scheduled = BTreeSet::new();
        while let Some(slot) = left.pop() {
            let Some(flag) = catalog.flag_at(slot).map(super::PreparedFlag::flag) else { continue };
            if flag.has_schedule() {
                scheduled.insert(slot);
            }
            if flag.is_enabled() {
                let required = flag.required_flags().filter_map(|key| catalog.slot(key));
                left.extend(required.filter(|slot| seen.insert(*slot)));
            }
        }
        Self { timed, scheduled: scheduled.into_iter().collect() }
    }
}
