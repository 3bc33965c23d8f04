//! Any JSON as a put and as patches, `{"put", "patches"}`: compiled or refused, never half of either.
#![no_main]

use fauna_core::{Audience, Flag, Ruleset};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let Ok(row) = serde_json::from_slice::<Value>(text) else { return };
    drop((Flag::from_document("a", &row), Audience::from_document("a", &row)));
    let Ok(mut ruleset) = Ruleset::from_put(&row["put"]) else { return };
    for patch in row["patches"].as_array().into_iter().flatten() {
        let (revision, count) = (ruleset.revision(), count(&ruleset));
        match ruleset.apply(patch) {
            Ok(()) => assert!(ruleset.revision() >= revision, "a patch leads back"),
            Err(_) => {
                assert_eq!((ruleset.revision(), self::count(&ruleset)), (revision, count), "a refused patch")
            }
        }
    }
    for flag in ruleset.flags() {
        assert!(flag.error().is_some() || (flag.kind().is_some() && !flag.variants().is_empty()));
    }
});

fn count(ruleset: &Ruleset) -> (usize, usize) {
    (ruleset.flags().count(), ruleset.audiences().count())
}
