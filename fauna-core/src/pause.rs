//! Pauses in long work, for a host that must be able to cancel it.
//!
//! Nearly every evaluation takes less than a microsecond. But the slowest pattern that is accepted takes 35 µs for every byte of
//! text, half a minute for a megabyte, and text is what somebody sends. Time is linear in either, so it is bounded; a PostgreSQL
//! backend, though, that cannot be cancelled for that long is as good as hung. So searching reports its work here, and the host is
//! called every few kilobytes.

use std::cell::Cell;
use std::sync::OnceLock;

/// Bytes searched between two pauses: 0.15 s of the slowest pattern.
pub(crate) const PIECE: usize = 4096;

/// What a search costs beside its bytes, as bytes.
const CALL: usize = 64;

static PAUSE: OnceLock<fn()> = OnceLock::new();

thread_local! {
    static DONE: Cell<usize> = const { Cell::new(0) };
}

/// Has `pause` called now and then during long evaluations, in their thread. It may panic; the evaluation then ends with it and
/// leaves nothing half done. The first one set stays.
pub fn pause_with(pause: fn()) {
    PAUSE.get_or_init(|| pause);
}

/// Reports that so many bytes are about to be searched.
pub(crate) fn work(bytes: usize) {
    let Some(pause) = PAUSE.get() else { return };
    let done = DONE.get() + bytes + CALL;
    DONE.set(if done < PIECE { done } else { 0 });
    if done >= PIECE {
        pause();
    }
}
