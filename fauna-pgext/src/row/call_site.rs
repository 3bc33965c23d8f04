//! What a function keeps for each place in a running plan that calls it.

use pgrx::{PgMemoryContexts, pg_sys};

/// What is kept for the call site of `call`, made anew if there is nothing or it `is_current` no more.
///
/// # Safety
/// `call` is that of the running call, of a function that keeps nothing else in `fn_extra` and always the same `T`.
#[inline]
pub unsafe fn kept<'a, T: 'static>(
    call: pg_sys::FunctionCallInfo,
    is_current: impl FnOnce(&T) -> bool,
    make: impl FnOnce(*mut pg_sys::FmgrInfo) -> T,
) -> &'a T {
    // SAFETY: the call has a function, whose memory lives as long as its `fn_extra` is used.
    unsafe {
        let function = (*call).flinfo;
        let kept = (*function).fn_extra.cast::<T>().as_ref();
        if let Some(kept) = kept.filter(|kept| is_current(kept)) {
            return kept;
        }
        let site = PgMemoryContexts::For((*function).fn_mcxt).leak_and_drop_on_delete(make(function));
        (*function).fn_extra = site.cast();
        &*site
    }
}
