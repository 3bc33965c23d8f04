//! How much memory the library holds.
//!
//! Compiled flags are trees of maps, boxes and programs of regular expressions, some of them made at their first use.
//! No estimate from a document's size comes near what they take, so the allocator counts: what Rust code in this backend
//! has allocated and not freed, in bytes as it was asked for. A backend has one thread; with more, counts could get lost.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static HELD: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The system's allocator, counted.
struct Counting;

/// Bytes that are allocated and not freed.
pub fn held() -> usize {
    HELD.load(Relaxed)
}

/// Two plain instructions; an atomic addition would cost more than some allocations.
fn count(more: usize, less: usize) {
    HELD.store(HELD.load(Relaxed).wrapping_add(more).wrapping_sub(less), Relaxed);
}

// SAFETY: all is done by the system's allocator, with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as the caller vouches to us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as the caller vouches to us.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as the caller vouches to us.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as the caller vouches to us.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
