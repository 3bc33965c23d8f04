//! A row that comes as its columns one by one, as the planner has taken it apart (see
//! [`super::rewrite`]).
//!
//! The call is `function(key, key_column, names, VARIADIC columns)`. Nobody writes it by hand, so
//! whatever is not as the planner writes it is refused.

use std::cell::Cell;
use std::collections::HashMap;
use std::slice;

use pgrx::datum::FromDatum;
use pgrx::prelude::*;
use pgrx::{PgMemoryContexts, pg_sys};
use rustc_hash::FxBuildHasher;

use super::field::Field;
use super::kind::Kind;
use super::{HasColumns, TARGETING_KEY, labels};
use crate::cache::Cache;
use crate::varlena::Text;

/// The arguments before the columns.
pub const FIXED_ARGUMENTS: usize = 3;

/// What is known of a call site for as long as its plan runs; `T` is what the call's key stands for.
struct CallSite<T> {
    kinds: Box<[Kind]>,
    positions: HashMap<Box<str>, usize, FxBuildHasher>,
    /// As [`labels::changes`] counts them.
    label_changes: u64,
    has_constant_key: bool,
    /// What was last found, and in which cache.
    found: Cell<(u64, Option<*const T>)>,
}

/// A running call.
pub struct ColumnsCall<'a, T> {
    site: &'a CallSite<T>,
    arguments: &'a [pg_sys::NullableDatum],
}

/// A row as the context of one evaluation.
pub struct Columns<'a> {
    kinds: &'a [Kind],
    positions: &'a HashMap<Box<str>, usize, FxBuildHasher>,
    values: &'a [pg_sys::NullableDatum],
}

impl<'a, T> ColumnsCall<'a, T> {
    /// Reads a call; raises if it is not one that the planner has made.
    ///
    /// # Safety
    /// `call` is that of the running call, of a function that keeps nothing else in `fn_extra` and
    /// always passes the same `T`.
    pub unsafe fn new(call: pg_sys::FunctionCallInfo) -> Self {
        // SAFETY: the call has a function, whose memory lives as long as its `fn_extra` is used; and
        // `nargs` arguments.
        unsafe {
            let function = (*call).flinfo;
            let count = usize::try_from((*call).nargs).unwrap_or_default();
            let arguments = slice::from_raw_parts((*call).args.as_ptr(), count);
            let kept = (*function).fn_extra.cast::<CallSite<T>>();
            if kept.is_null() || (*kept).label_changes != labels::changes() {
                let site = CallSite::<T>::new(function, arguments);
                let memory = PgMemoryContexts::For((*function).fn_mcxt).leak_and_drop_on_delete(site);
                (*function).fn_extra = memory.cast();
            }
            Self { site: &*(*function).fn_extra.cast::<CallSite<T>>(), arguments }
        }
    }

    /// What the call's key stands for in `cache`: looked up once if the key is constant.
    pub fn find<'c>(
        &self,
        cache: &'c Cache,
        look_up: impl FnOnce(&'c Cache, &str) -> Option<&'c T>,
    ) -> Option<&'c T> {
        let (generation, found) = self.site.found.get();
        if generation == cache.generation() && self.site.has_constant_key {
            // SAFETY: found in this very cache, which keeps what it holds where it is until it goes.
            return found.map(|found| unsafe { &*found });
        }
        // SAFETY: the function is declared to take a text here.
        let key = unsafe { text(self.arguments[0]) };
        let found = look_up(cache, key.map_or("", Text::as_str));
        self.site.found.set((cache.generation(), found.map(std::ptr::from_ref)));
        found
    }

    /// The row.
    pub fn row(&self) -> Columns<'a> {
        let values = &self.arguments[FIXED_ARGUMENTS..];
        Columns { kinds: &self.site.kinds, positions: &self.site.positions, values }
    }
}

impl<T> CallSite<T> {
    #[cold]
    unsafe fn new(function: *mut pg_sys::FmgrInfo, arguments: &[pg_sys::NullableDatum]) -> Self {
        let is_constant = |argument| {
            // SAFETY: the caller passes a function's info.
            unsafe { !(*function).fn_expr.is_null() && pg_sys::get_fn_expr_arg_stable(function, argument) }
        };
        // SAFETY: as above; the function is declared to take these types.
        let (is_array, names, key_column) = unsafe {
            let is_array = pg_sys::get_fn_expr_variadic(function);
            let names = arguments.get(2).filter(|names| !names.isnull);
            let names = names.and_then(|names| Vec::<Option<String>>::from_datum(names.value, false));
            (is_array, names, arguments.get(1).and_then(|argument| text(*argument)))
        };
        let names = names.filter(|names| names.len() + FIXED_ARGUMENTS == arguments.len());
        let (true, true, false, Some(names)) = (is_constant(1), is_constant(2), is_array, names) else {
            refuse();
        };
        let label_changes = labels::changes();
        let mut kinds = Vec::with_capacity(names.len());
        let mut positions = HashMap::<Box<str>, usize, _>::default();
        for (index, name) in names.into_iter().enumerate() {
            let place = i32::try_from(FIXED_ARGUMENTS + index).unwrap_or_default();
            // SAFETY: the expression has an argument at this place.
            kinds.push(Kind::of(unsafe { pg_sys::get_fn_expr_argtype(function, place) }));
            positions.entry(name.unwrap_or_default().into()).or_insert(index);
        }
        let key_column = positions.get(key_column.map_or("", Text::as_str)).copied();
        if let Some(key_column) = key_column {
            positions.entry(TARGETING_KEY.into()).or_insert(key_column);
        }
        Self {
            kinds: kinds.into(),
            positions,
            label_changes,
            has_constant_key: is_constant(0),
            found: Cell::new((0, None)),
        }
    }
}

impl HasColumns for Columns<'_> {
    fn column(&self, name: &str) -> Option<Field<'_>> {
        let index = *self.positions.get(name)?;
        let column = self.values[index];
        // SAFETY: the kind is that of the argument's type, and the argument lives as long as the call.
        (!column.isnull).then(|| unsafe { Field::new(&self.kinds[index], column.value) })
    }
}

/// # Safety
/// The argument is of type `text`, and lives for `'a`.
unsafe fn text<'a>(argument: pg_sys::NullableDatum) -> Option<Text<'a>> {
    // SAFETY: as the caller says.
    unsafe { Text::from_polymorphic_datum(argument.value, argument.isnull, pg_sys::TEXTOID) }
}

fn refuse() -> ! {
    ereport!(
        ERROR,
        PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
        "this function is for the planner only",
        "It takes the place of fauna.enabled_row or fauna.in_audience_row where a plan has the row's columns at \
         hand. Call one of these."
    );
}
