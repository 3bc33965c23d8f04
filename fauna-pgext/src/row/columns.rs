//! A row that comes as its columns one by one, as the planner has taken it apart (see
//! [`super::rewrite`]).
//!
//! The call is `function(key, key_column, names, relation, place, mark, VARIADIC columns)`. Relation and place say where
//! the row is from which only some columns are passed; they are null if all are. Such a call can read any row of any
//! table, so nobody but the planner may make it: the mark is a constant of the type `internal`, which SQL cannot write,
//! with a modifier that no parameter of that type has (a client can declare one in the protocol, and bind it to null).

use std::cell::Cell;
use std::collections::HashMap;
use std::slice;

use pgrx::datum::FromDatum;
use pgrx::pg_sys;
use pgrx::pg_sys::NodeTag;
use pgrx::prelude::*;
use rustc_hash::FxBuildHasher;

use super::field::Field;
use super::kind::Kind;
use super::missing::Whereabouts;
use super::nodes::{nodes, read};
use super::resolved::Resolved;
use super::{HasColumns, Row, TARGETING_KEY, labels};
use crate::cache::Cache;
use crate::call_site::{self, Lookup};
use crate::keyed::Keyed;
use crate::varlena::Text;

/// The arguments before the columns.
pub const FIXED_ARGUMENTS: usize = 6;

const KEY: usize = 0;
const KEY_COLUMN: usize = 1;
const NAMES: usize = 2;
const RELATION: usize = 3;
const PLACE: usize = 4;
const MARK: usize = 5;

/// The type modifier of the mark.
pub const MARK_MODIFIER: i32 = 0x6661_756e;

type Arguments = [pg_sys::NullableDatum];

/// What is known of a call site for as long as its plan runs; `T` is what the call's key stands for.
struct CallSite<T> {
    kinds: Box<[Kind]>,
    positions: HashMap<Box<str>, u16, FxBuildHasher>,
    key_column: Box<str>,
    /// Where the row is, if not all columns are passed.
    whereabouts: Option<Whereabouts>,
    /// As [`labels::changes`] counts them.
    label_changes: u64,
    lookup: Lookup<T>,
    is_enough: Cell<bool>,
    resolved: Resolved,
}

/// A running call.
pub struct ColumnsCall<'a, T> {
    site: &'a CallSite<T>,
    arguments: &'a Arguments,
}

/// The row of a call as the context of one evaluation.
pub enum CalledRow<'a> {
    /// The columns that are passed, which are all that can be asked for.
    Columns(Columns<'a>),
    /// The row, read again.
    Whole(Row<'a>),
}

/// A row in columns.
pub struct Columns<'a> {
    kinds: &'a [Kind],
    positions: &'a HashMap<Box<str>, u16, FxBuildHasher>,
    resolved: &'a Resolved,
    values: &'a Arguments,
}

impl<'a, T: Keyed> ColumnsCall<'a, T> {
    /// Reads a call; raises if it is not one that the planner has made.
    ///
    /// # Safety
    /// `call` is that of the running call, of a function that keeps nothing else in `fn_extra` and
    /// always passes the same `T`.
    #[inline]
    pub unsafe fn new(call: pg_sys::FunctionCallInfo) -> Self {
        // SAFETY: as the caller says; the call has `nargs` arguments.
        unsafe {
            let count = usize::try_from((*call).nargs).unwrap_or_default();
            let arguments = slice::from_raw_parts((*call).args.as_ptr(), count);
            let is_current = |site: &CallSite<T>| site.label_changes == labels::changes();
            let site = call_site::kept(call, is_current, |function| CallSite::new(function, arguments));
            Self { site, arguments }
        }
    }

    /// What the call's key stands for in `cache`.
    #[inline]
    pub fn find<'c>(&self, cache: &'c Cache) -> Option<&'c T> {
        // SAFETY: the function is declared to take a text here.
        let key = unsafe { text(self.arguments[KEY]) };
        self.site.lookup.find(cache, key, |found, is_first| self.site.note(cache, found, is_first))
    }

    /// The row, for an evaluation of what was [found](Self::find).
    #[inline]
    pub fn row(&self) -> CalledRow<'a> {
        let CallSite { kinds, positions, resolved, .. } = self.site;
        match self.site.whereabouts {
            Some(whereabouts) if !self.site.is_enough.get() => {
                // SAFETY: the planner passes the row's own place, which is never null, and the row lives as long as
                // the call.
                let row = unsafe {
                    Row::of_datum(whereabouts.fetch(self.arguments[PLACE].value), &self.site.key_column)
                };
                CalledRow::Whole(row)
            }
            _ => CalledRow::Columns(Columns {
                kinds,
                positions,
                resolved,
                values: &self.arguments[FIXED_ARGUMENTS..],
            }),
        }
    }
}

impl<T: Keyed> CallSite<T> {
    /// Notes what was found of the key, and whether it is the first that was found in the cache.
    #[inline(never)]
    fn note(&self, cache: &Cache, found: Option<&T>, is_first: bool) {
        if let (Some(whereabouts), Some(found)) = (self.whereabouts, found) {
            let is_passed = |name: &str| self.positions.contains_key(name);
            self.is_enough.set(!whereabouts.has_other(&found.needs(cache), is_passed, &self.key_column));
        }
        if is_first {
            self.resolved.clear();
        }
    }

    #[cold]
    unsafe fn new(function: *mut pg_sys::FmgrInfo, arguments: &Arguments) -> Self {
        // SAFETY: the caller passes a running function's info; the function is declared to take these types.
        unsafe {
            if !is_of_planner(function) {
                refuse();
            }
            let names = Vec::<Option<String>>::from_datum(arguments[NAMES].value, arguments[NAMES].isnull);
            let names = names.unwrap_or_default();
            let key_column = text(arguments[KEY_COLUMN]).map_or("", Text::as_str);
            let mut kinds = Vec::with_capacity(names.len());
            let mut positions = HashMap::<Box<str>, u16, _>::default();
            for (index, name) in (0..).zip(names) {
                let argument = i32::try_from(FIXED_ARGUMENTS + usize::from(index)).unwrap_or_default();
                kinds.push(Kind::of(pg_sys::get_fn_expr_argtype(function, argument)));
                positions.entry(name.unwrap_or_default().into()).or_insert(index);
            }
            if let Some(key_column) = positions.get(key_column).copied() {
                positions.entry(TARGETING_KEY.into()).or_insert(key_column);
            }
            let relation = arguments[RELATION];
            let relation = pg_sys::Oid::from_datum(relation.value, relation.isnull);
            Self {
                kinds: kinds.into(),
                positions,
                key_column: key_column.into(),
                whereabouts: relation.map(|relation| Whereabouts { relation }),
                label_changes: labels::changes(),
                lookup: Lookup::new(function, KEY),
                is_enough: Cell::new(true),
                resolved: Resolved::new(),
            }
        }
    }
}

/// Whether a call has the mark.
unsafe fn is_of_planner(function: *mut pg_sys::FmgrInfo) -> bool {
    // SAFETY: the expression is that of a call, or null, and its nodes are of the types that their tags say.
    unsafe {
        let Some(expression) = (*function).fn_expr.as_ref() else { return false };
        if expression.type_ != NodeTag::T_FuncExpr {
            return false;
        }
        let call = read::<pg_sys::FuncExpr>((*function).fn_expr);
        let mark = nodes(call.args).get(MARK).copied();
        mark.is_some_and(|mark| {
            (*mark).type_ == NodeTag::T_Const && {
                let mark = read::<pg_sys::Const>(mark);
                (mark.consttype, mark.consttypmod) == (pg_sys::INTERNALOID, MARK_MODIFIER)
            }
        })
    }
}

impl HasColumns for Columns<'_> {
    fn column(&self, name: &str) -> Option<Field<'_>> {
        self.positions.get(name).and_then(|index| self.field(usize::from(*index)))
    }

    #[inline]
    fn column_at(&self, path: &fauna_core::AttributePath) -> Option<Field<'_>> {
        self.field(self.resolved.get(path, |name| self.positions.get(name).copied())?)
    }
}

impl Columns<'_> {
    #[inline]
    fn field(&self, index: usize) -> Option<Field<'_>> {
        let value = self.values[index];
        // SAFETY: the kind is that of the argument's type, and the argument lives as long as the call.
        (!value.isnull).then(|| unsafe { Field::new(&self.kinds[index], value.value) })
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
