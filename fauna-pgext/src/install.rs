//! The order of the extension's script.
//!
//! `cargo pgrx schema` sorts what it finds by what requires what. Left to itself it would put a
//! trigger before the table it is on, so every install file requires the one with the number
//! before it, and the native functions stand between those below 40 (tables, types: a function
//! returns `fauna.evaluation`) and those from 40 on (triggers that call `fauna.signal_cache`,
//! comments on functions, grants).

use pgrx::prelude::*;

// Defines `install_files!`: an `extension_sql_file!` for every file of `sql/install`.
include!(concat!(env!("OUT_DIR"), "/install.rs"));
install_files!();

extension_sql!(
    "",
    name = "native_functions",
    requires = [
        "before_native_functions",
        fauna::signal_cache,
        fauna::check_condition,
        fauna::enabled,
        fauna::enabled_in_session,
        fauna::variant,
        fauna::variant_in_session,
        fauna::value,
        fauna::value_in_session,
        fauna::bool_value,
        fauna::bool_value_in_session,
        fauna::text_value,
        fauna::text_value_in_session,
        fauna::int_value,
        fauna::int_value_in_session,
        fauna::float_value,
        fauna::float_value_in_session,
        fauna::evaluate,
        fauna::evaluate_in_session,
        fauna::evaluate_as_of,
        fauna::evaluate_all,
        fauna::evaluate_all_in_session,
        fauna::in_audience,
        fauna::in_audience_in_session,
        fauna::explain,
        fauna::explain_in_session,
        fauna::enabled_row,
        fauna::in_audience_row,
        fauna::enabled_columns,
        fauna::in_audience_columns,
        fauna::row_support,
        fauna::cache_stats,
        fauna::audience_predicate,
        fauna::condition_holds,
        fauna::bucket
    ]
);
