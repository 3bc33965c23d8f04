//! Which column an attribute is, kept for each call site.
//!
//! A compiled condition asks for the same attribute at every row, with the very same path in memory. So its address is
//! looked up, not its name, which would have to be hashed and compared. Addresses mean something as long as the cache
//! that holds the paths; with another one all are forgotten.

use std::cell::Cell;

use fauna_core::AttributePath;

/// More than most rulesets ask of one row; a power of two.
const PLACES: usize = 64;

/// A path's address and the column's place, if there is one.
type Place = (*const AttributePath, Option<u16>);

/// Columns by the addresses of paths. Of two paths that fall on one place the later stays.
pub struct Resolved([Cell<Place>; PLACES]);

impl Resolved {
    pub fn new() -> Self {
        Self([const { Cell::new((std::ptr::null(), None)) }; PLACES])
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.0.iter().for_each(|place| place.set((std::ptr::null(), None)));
    }

    /// The column that is known for this path, or that `find` finds by its name.
    #[inline]
    pub fn get(&self, path: &AttributePath, find: impl FnOnce(&str) -> Option<u16>) -> Option<usize> {
        let address = std::ptr::from_ref(path);
        // Fibonacci hashing: the upper bits of the product depend on all bits.
        let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - PLACES.ilog2());
        let place = &self.0[usize::try_from(hash).unwrap_or_default() % PLACES];
        let (known, column) = place.get();
        if known == address {
            return column.map(usize::from);
        }
        let column = find(path.name());
        place.set((address, column));
        column.map(usize::from)
    }
}
