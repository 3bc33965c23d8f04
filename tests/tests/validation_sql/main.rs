//! Bad input is refused where it is written, by plain SQL as much as by the functions, in words that say what is
//! wrong, where, and what to do; and it changes nothing.
// Helpers of tests stop the test, as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod conditions;
mod cycles;
mod flags;
mod races;
#[path = "../support/refusal.rs"]
mod refusal;
mod restore;
mod rules;
mod words;

use fauna_tests::Database;

/// A database with an environment, two attributes, an audience and two flags.
async fn shop() -> Database<'static> {
    let database = fauna_tests::database().await;
    database
        .execute(
            "SELECT fauna.create_environment('production');
             SELECT fauna.create_attribute('country'), fauna.create_attribute('age', 'number');
             SELECT fauna.create_audience('adults');
             SELECT fauna.add_condition('adults', 'age', 'gte', '{18}');
             SELECT fauna.create_flag('checkout'), fauna.create_flag('payments');",
        )
        .await;
    database
}
