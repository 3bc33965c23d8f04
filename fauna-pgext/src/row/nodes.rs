//! The server's trees: nodes with tags, and lists of them.

use std::ffi::c_void;

use pgrx::pg_sys;

/// A node as the type that its tag says.
///
/// # Safety
/// The caller has looked at the tag.
pub unsafe fn read<'a, T>(node: *mut pg_sys::Node) -> &'a T {
    // SAFETY: as the caller says; nodes are allocated at the server's greatest alignment.
    unsafe { &*node.cast::<c_void>().cast() }
}

/// The nodes of a list; of none, none.
///
/// # Safety
/// A list of nodes, or null.
pub unsafe fn nodes<'a>(list: *mut pg_sys::List) -> &'a [*mut pg_sys::Node] {
    // SAFETY: a list of pointers has as many of them, one behind the other, as it says.
    unsafe {
        list.as_ref().map_or(&[], |list| {
            std::slice::from_raw_parts(list.elements.cast(), usize::try_from(list.length).unwrap_or_default())
        })
    }
}
