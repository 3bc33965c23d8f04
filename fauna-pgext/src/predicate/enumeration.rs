//! The labels of an enum.

use std::ffi::CStr;

use pgrx::pg_sys;

/// All of them, in no particular order.
///
/// # Safety
/// `id` is that of an enum.
pub unsafe fn labels(id: pg_sys::Oid) -> Vec<String> {
    let none = pg_sys::Datum::null();
    let cache = pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME;
    #[expect(clippy::cast_ptr_alignment, reason = "the server aligns what follows a row's header")]
    // SAFETY: the list and its entries are pinned until it is released; entries of this cache are rows of pg_enum.
    unsafe {
        let list = pg_sys::SearchSysCacheList(cache.cast_signed(), 1, id.into(), none, none);
        let count = usize::try_from((*list).n_members).unwrap_or_default();
        let labels = (*list).members.as_slice(count).iter().map(|member| {
            let tuple = (**member).tuple.t_data;
            let row = tuple.cast::<u8>().add(usize::from((*tuple).t_hoff)).cast::<pg_sys::FormData_pg_enum>();
            CStr::from_ptr((&raw const (*row).enumlabel.data).cast()).to_string_lossy().into_owned()
        });
        let labels = labels.collect();
        pg_sys::ReleaseCatCacheList(list);
        labels
    }
}
