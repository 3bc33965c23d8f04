//! The server's functions that evaluation calls for every row.
//!
//! pgrx wraps every server function in a `sigsetjmp`, so that an error it raises becomes a panic.
//! These raise none, and the wrapper would cost several times what they do.

use pgrx::pg_sys;

mod server {
    use pgrx::pg_sys;

    unsafe extern "C" {
        pub safe fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
        pub safe fn ActiveSnapshotSet() -> bool;
        pub unsafe fn GetActiveSnapshot() -> pg_sys::Snapshot;
        pub unsafe fn float_to_shortest_decimal_bufn(value: f32, text: *mut u8) -> std::ffi::c_int;
    }
}

/// When the statement that is running began, in microseconds since 2000-01-01T00:00:00Z.
pub fn statement_timestamp() -> pg_sys::TimestampTz {
    server::GetCurrentStatementStartTimestamp()
}

/// What a snapshot can see: less than a later one with other numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SnapshotAge {
    /// Transactions that had ended when it was taken.
    completed: u64,
    /// Commands of its own transaction before it.
    commands: pg_sys::CommandId,
}

/// The age of the active snapshot, if there is one.
pub fn snapshot_age() -> Option<SnapshotAge> {
    server::ActiveSnapshotSet().then(|| {
        // SAFETY: there is an active snapshot, and it stays while we read this.
        let snapshot = unsafe { &*server::GetActiveSnapshot() };
        SnapshotAge { completed: snapshot.snapXactCompletionCount, commands: snapshot.curcid }
    })
}

/// The double nearest to the decimal that a `real` prints as: 0.1, not 0.10000000149011612.
///
/// The server's own digits, since Rust's are at times fewer: it takes a decimal on the very edge
/// between two values to be either's.
pub fn nearest_to_printed(value: f32) -> Option<f64> {
    // More than any value needs.
    let mut text = [0; 32];
    // SAFETY: writes at most 15 bytes and returns how many.
    let length = unsafe { server::float_to_shortest_decimal_bufn(value, text.as_mut_ptr()) };
    std::str::from_utf8(text.get(..usize::try_from(length).ok()?)?).ok()?.parse().ok()
}
