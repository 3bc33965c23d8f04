//! The settings `fauna.environment`, `fauna.context`, `fauna.comment` and `fauna.cache_limit`.
//!
//! Evaluation asks for the first two at every call, so they are not read and parsed there: assigning
//! one (`SET`, the end of a transaction that had set it, `ALTER ROLE … SET` at login) only notes
//! that it changed, and the next evaluation reads it once.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_void};
use std::rc::Rc;

use pgrx::pg_sys;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use serde_json::Value;

static ENVIRONMENT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"production"));
static CONTEXT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static COMMENT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// In kilobytes.
static CACHE_LIMIT: GucSetting<i32> = GucSetting::<i32>::new(64 << 10);

/// The longest key of an environment, a flag or an audience.
pub const MAX_KEY_LENGTH: usize = 128;

thread_local! {
    static ENVIRONMENT_CHANGED: Cell<bool> = const { Cell::new(true) };
    static CONTEXT_CHANGED: Cell<bool> = const { Cell::new(true) };
    static PARSED_CONTEXT: RefCell<Rc<Value>> = RefCell::new(Rc::new(Value::Null));
}

/// Makes the settings known to the server.
pub fn define() {
    // SAFETY: the hooks have C's calling convention, do not panic and raise no error.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            c"fauna.environment",
            c"Environment whose flags are evaluated.",
            c"A key of fauna.environments.",
            &ENVIRONMENT,
            GucContext::Userset,
            GucFlags::default(),
            Some(check_environment),
            Some(assign_environment),
            None,
        );
        GucRegistry::define_string_guc_with_hooks(
            c"fauna.context",
            c"Evaluation context of functions that are called without one.",
            c"A JSON object; empty means an object without attributes.",
            &CONTEXT,
            GucContext::Userset,
            GucFlags::default(),
            None,
            Some(assign_context),
            None,
        );
        GucRegistry::define_string_guc(
            c"fauna.comment",
            c"Why flags are changed: recorded with the revision that the transaction makes.",
            c"Free text; empty means none.",
            &COMMENT,
            GucContext::Userset,
            GucFlags::default(),
        );
        GucRegistry::define_int_guc(
            c"fauna.cache_limit",
            c"Memory that a session may keep compiled flags in.",
            c"A larger cache is dropped when the next statement begins.",
            &CACHE_LIMIT,
            1 << 10,
            i32::MAX,
            GucContext::Userset,
            GucFlags::UNIT_KB,
        );
        pg_sys::MarkGUCPrefixReserved(c"fauna".as_ptr());
    }
}

/// Bytes that compiled flags may take.
pub fn cache_limit() -> usize {
    usize::try_from(CACHE_LIMIT.get()).unwrap_or_default() << 10
}

/// Whether `fauna.environment` was assigned since this was last asked.
pub fn take_environment_changed() -> bool {
    ENVIRONMENT_CHANGED.replace(false)
}

/// The present environment's key.
pub fn environment() -> String {
    // SAFETY: see `text`.
    unsafe { text(&ENVIRONMENT) }.to_string_lossy().into_owned()
}

/// The session's context. Text that is not JSON is JSON null here, which is no valid context.
pub fn context() -> Rc<Value> {
    PARSED_CONTEXT.with_borrow_mut(|parsed| {
        if CONTEXT_CHANGED.replace(false) {
            // SAFETY: see `text`.
            *parsed = Rc::new(parse_context(unsafe { text(&CONTEXT) }.to_bytes()));
        }
        Rc::clone(parsed)
    })
}

fn parse_context(text: &[u8]) -> Value {
    if text.trim_ascii().is_empty() {
        return Value::Object(serde_json::Map::new());
    }
    serde_json::from_slice(text).unwrap_or(Value::Null)
}

/// Borrows a setting's text.
///
/// # Safety
/// The borrow must end before the server can run: an assignment frees the text.
unsafe fn text<'a>(setting: &GucSetting<Option<CString>>) -> &'a CStr {
    // SAFETY: a custom string setting that is not null by default never is.
    unsafe { CStr::from_ptr(*setting.as_ptr()) }
}

fn is_key(text: &[u8]) -> bool {
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    text.first().is_some_and(u8::is_ascii_alphanumeric)
        && text.len() <= MAX_KEY_LENGTH
        && text.iter().all(is_inner)
}

unsafe extern "C-unwind" fn check_environment(
    value: *mut *mut c_char,
    _extra: *mut *mut c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: the server passes the proposed text, which is never null (see `text`), and reads the
    // detail once, without freeing it.
    unsafe {
        let is_key = is_key(CStr::from_ptr(*value).to_bytes());
        if !is_key {
            let detail =
                c"An environment's key has 1 to 128 letters, digits, dots, underscores and hyphens, \
                and begins with a letter or digit.";
            pg_sys::GUC_check_errdetail_string = detail.as_ptr().cast_mut();
        }
        is_key
    }
}

unsafe extern "C-unwind" fn assign_environment(_value: *const c_char, _extra: *mut c_void) {
    ENVIRONMENT_CHANGED.set(true);
}

unsafe extern "C-unwind" fn assign_context(_value: *const c_char, _extra: *mut c_void) {
    CONTEXT_CHANGED.set(true);
}
