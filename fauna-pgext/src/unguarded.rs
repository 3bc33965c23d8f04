//! The server's functions that evaluation calls for every row.
//!
//! pgrx wraps every server function in a `sigsetjmp`, so that an error it raises becomes a panic.
//! These raise none, and the wrapper would cost several times what they do (10 ns a call).

use pgrx::pg_sys;

mod server {
    use pgrx::pg_sys;

    unsafe extern "C" {
        pub safe fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
        pub safe fn ActiveSnapshotSet() -> bool;
        pub unsafe fn GetActiveSnapshot() -> pg_sys::Snapshot;
    }
}

/// When the statement that is running began, in microseconds since 2000-01-01T00:00:00Z.
pub fn statement_timestamp() -> pg_sys::TimestampTz {
    server::GetCurrentStatementStartTimestamp()
}

/// How many transactions had ended when the active snapshot was taken: tells one snapshot from a
/// later one that can see more. Zero without a snapshot.
pub fn completed_transactions() -> u64 {
    if !server::ActiveSnapshotSet() {
        return 0;
    }
    // SAFETY: there is an active snapshot, and it stays while we read this.
    unsafe { (*server::GetActiveSnapshot()).snapXactCompletionCount }
}
