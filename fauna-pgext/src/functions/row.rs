//! An evaluation as a row of the composite type `fauna.evaluation`.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::{impl_sql_translatable, pg_sys};
use uuid::Uuid;

use super::outcome::Outcome;
use crate::cache::Cache;
use crate::varlena::to_datum;

/// `flag, value, variant, reason, rule_id, error_code, error_message, revision`
const COLUMNS: usize = 8;

/// A row, formed in the memory context of the call.
pub struct EvaluationRow(pg_sys::Datum);

impl EvaluationRow {
    /// Forms the row; `flag` is the key that was asked for.
    pub fn new(cache: &Cache, flag: Option<&str>, outcome: &Outcome<'_>) -> Self {
        let text = |text: &str| to_datum(text.as_bytes());
        let evaluation = &outcome.evaluation;
        let error = evaluation.error.as_ref();
        let fields: [Option<pg_sys::Datum>; COLUMNS] = [
            flag.map(text),
            outcome.value().map(|value| to_datum(value.bytes())),
            evaluation.variant.map(|variant| text(variant.key())),
            Some(text(evaluation.reason.as_str())),
            evaluation.rule_id.and_then(|id| Uuid::parse_str(id).ok()).map(uuid_datum),
            error.map(|error| text(error.code.as_str())),
            error.map(|error| text(&error.message)),
            cache.revision().map(pg_sys::Datum::from),
        ];
        // SAFETY: the descriptor is pinned while it is used, the fields are of its types, and there are as many
        // as it has: a type that an upgrade has given more has nulls there until the library is loaded anew.
        unsafe {
            let descriptor = pg_sys::lookup_rowtype_tupdesc(cache.catalog().evaluation_type(), -1);
            let columns = usize::try_from((*descriptor).natts).unwrap_or_default();
            let field = |column| fields.get(column).copied().flatten();
            let mut values: Vec<_> =
                (0..columns).map(|column| field(column).unwrap_or(pg_sys::Datum::null())).collect();
            let mut nulls: Vec<_> = (0..columns).map(|column| field(column).is_none()).collect();
            let tuple = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            if (*descriptor).tdrefcount >= 0 {
                pg_sys::DecrTupleDescRefCount(descriptor);
            }
            Self(pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data))
        }
    }
}

fn uuid_datum(id: Uuid) -> pg_sys::Datum {
    let bytes = id.as_bytes();
    // SAFETY: palloc gives sixteen writable bytes or raises.
    unsafe {
        let copy = pg_sys::palloc(bytes.len()).cast::<u8>();
        bytes.as_ptr().copy_to_nonoverlapping(copy, bytes.len());
        pg_sys::Datum::from(copy)
    }
}

impl_sql_translatable!(EvaluationRow, "fauna.evaluation");

// SAFETY: returns a row of the type that the mapping above names.
unsafe impl BoxRet for EvaluationRow {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: formed in this call's memory context, or, for a set, in that of all its calls.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}
