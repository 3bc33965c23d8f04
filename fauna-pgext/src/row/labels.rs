//! The labels of an enum's values, looked up once per value and call site.

use std::cell::Cell;
use std::ffi::{CStr, c_int};

use elsa::FrozenMap;
use pgrx::pg_sys;
use rustc_hash::FxBuildHasher;

thread_local! {
    static CHANGES: Cell<u64> = const { Cell::new(0) };
}

/// Labels by the values' ids.
#[derive(Default)]
pub struct Labels(FrozenMap<u32, Box<str>, FxBuildHasher>);

impl Labels {
    /// The label of a value.
    pub fn get(&self, value: pg_sys::Datum) -> &str {
        // An enum's value is an oid, which a datum holds in its lower half.
        #[expect(clippy::cast_possible_truncation)]
        let id = value.value() as u32;
        match self.0.get(&id) {
            Some(label) => label,
            None => self.0.insert(id, look_up(value)),
        }
    }
}

impl std::fmt::Debug for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Labels").finish_non_exhaustive()
    }
}

#[cold]
fn look_up(value: pg_sys::Datum) -> Box<str> {
    // SAFETY: the output function of enums, for a value of one. What it prints ends with a zero byte.
    unsafe {
        let text = pg_sys::OidOutputFunctionCall(pg_sys::F_ENUM_OUT.into(), value);
        CStr::from_ptr(text).to_string_lossy().into()
    }
}

/// How often an enum's labels have changed in this session; what is kept from before may be wrong.
pub fn changes() -> u64 {
    CHANGES.get()
}

/// Counts them from now on; once in the life of a backend.
pub fn register() {
    let cache = pg_sys::SysCacheIdentifier::ENUMOID.cast_signed();
    // SAFETY: the callback has the signature asked for, and neither panics nor raises.
    unsafe { pg_sys::CacheRegisterSyscacheCallback(cache, Some(on_enum), pg_sys::Datum::null()) };
}

unsafe extern "C-unwind" fn on_enum(_argument: pg_sys::Datum, _cache: c_int, _hash: u32) {
    CHANGES.set(CHANGES.get() + 1);
}
