//! Documents of an environment that has no log yet, compiled from the source tables.
//!
//! So it is between the first statement that fills the source tables (a restore, an import) and
//! its commit. The compiler is SQL; it runs as the owner of the extension's tables, whom the
//! caller of an evaluation lends nothing and needs no privilege from.

use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::{direct_function_call, pg_sys};

use crate::catalog::Catalog;
use crate::load::{Document, Kind};
use crate::varlena;

/// The compiler, as `regprocedure` reads it.
const COMPILER: &std::ffi::CStr = c"fauna.compile_document(pg_catalog.text,pg_catalog.text,pg_catalog.text)";

/// Calls `fauna.compile_document` under the active snapshot.
pub fn compile_document(catalog: &Catalog, environment: &str, kind: Kind, key: &str) -> Document {
    let arguments = [environment, kind.as_str(), key].map(|text| varlena::to_datum(text.as_bytes()));
    let _owner = ActingAs::new(catalog.owner());
    // SAFETY: the function takes three texts and returns jsonb.
    unsafe { call(compiler(), arguments).map(|document| Box::from(varlena::payload(document))) }
}

fn compiler() -> pg_sys::Oid {
    let name = Some(pg_sys::Datum::from(COMPILER.as_ptr()));
    // SAFETY: the input function of a built-in type; raises if there is no such function.
    let id = unsafe { direct_function_call(pg_sys::regprocedurein, &[name]) };
    id.unwrap_or(pg_sys::Oid::INVALID)
}

/// Calls a function that may return null, which `OidFunctionCall3` does not allow.
unsafe fn call(function: pg_sys::Oid, arguments: [pg_sys::Datum; 3]) -> Option<pg_sys::Datum> {
    const ARGUMENTS: usize = 3;
    let size = size_of::<pg_sys::FunctionCallInfoBaseData>() + ARGUMENTS * size_of::<pg_sys::NullableDatum>();
    // SAFETY: set up as `InitFunctionCallInfoData` does, with room for three arguments. The call
    // through the pointer is guarded, as pgrx guards the server's own functions.
    unsafe {
        let mut function_info = pg_sys::FmgrInfo::default();
        pg_sys::fmgr_info(function, &raw mut function_info);
        let call = pg_sys::palloc0(size).cast::<pg_sys::FunctionCallInfoBaseData>();
        (*call).flinfo = &raw mut function_info;
        (*call).nargs = 3;
        let slots = (*call).args.as_mut_ptr();
        for (index, value) in arguments.into_iter().enumerate() {
            slots.add(index).write(pg_sys::NullableDatum { value, isnull: false });
        }
        let address = function_info.fn_addr?;
        let result = pg_guard_ffi_boundary(|| address(call));
        (!(*call).isnull).then_some(result)
    }
}

/// The role to act as until this is dropped, which an unwinding error does too.
struct ActingAs {
    role: pg_sys::Oid,
    context: i32,
}

impl ActingAs {
    fn new(role: pg_sys::Oid) -> Self {
        let mut before = Self { role: pg_sys::Oid::INVALID, context: 0 };
        let restricted = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        // SAFETY: reads and writes backend-local state.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&raw mut before.role, &raw mut before.context);
            pg_sys::SetUserIdAndSecContext(role, before.context | restricted.cast_signed());
        }
        before
    }
}

impl Drop for ActingAs {
    fn drop(&mut self) {
        // SAFETY: writes backend-local state, and cannot raise.
        unsafe { pg_sys::SetUserIdAndSecContext(self.role, self.context) };
    }
}
