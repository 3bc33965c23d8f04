//! Rounds of the differential tests whose every choice is a byte of the fuzzer's, so that it finds its way past what
//! random JSON never gets through.
#![no_main]

use fauna_differential::{Dice, Round};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|choices: &[u8]| {
    let round = Round::new(&mut Dice::from_bytes(choices));
    let ruleset = round.compile().expect("the payload of a round");
    for case in &round.cases {
        let Some(outcome) = round.expect(&ruleset, case) else { continue };
        for evaluation in outcome["flags"].as_object().into_iter().flatten().map(|(_, evaluation)| evaluation)
        {
            let failed = evaluation["reason"] == "ERROR";
            assert_eq!(failed, evaluation["errorCode"].is_string(), "{evaluation}");
            assert_eq!(failed, evaluation["errorMessage"].is_string(), "{evaluation}");
            assert!(failed || evaluation["variant"].is_string(), "{evaluation}");
        }
    }
});
