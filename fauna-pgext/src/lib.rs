//! Feature flags evaluated inside PostgreSQL: the extension `fauna`.
//!
//! A call of `fauna.enabled('checkout', context)` borrows the context's jsonb where it lies
//! ([`jsonb`]), finds the compiled flag in the backend's [`cache`] and hands both to `fauna_core`.
//! A table's row is a context as it is, too ([`row`]).
//! [`predicate`] says in SQL what an audience asks of a table's columns.
//! The cache is filled by [`load`], which reads the document log with [`scan`], and begun anew when
//! [`invalidation`] says so. Everything that writes is SQL, in `sql/`; [`install`] puts the two
//! together.

mod cache;
mod call_site;
mod catalog;
mod compile;
mod counts;
mod functions;
mod install;
mod invalidation;
mod jsonb;
mod keyed;
mod load;
mod memory;
mod predicate;
mod row;
mod scan;
mod settings;
mod time;
mod unguarded;
mod varlena;

use pgrx::prelude::*;

pgrx::pg_module_magic!(name, version);

/// Called by the server when it loads the library, once in every backend that uses it (or once in
/// the postmaster, for all that it forks).
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    settings::define();
    invalidation::register();
    row::register();
    fauna_core::pause_with(|| {
        check_for_interrupts!();
    });
}
