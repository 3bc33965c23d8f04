//! How many evaluations were made, and which were errors, on the way to the metrics.

use fauna_core::Evaluation;

use crate::observation::{Observation, Observer};

/// Collects what is reported at once, so that the metrics are touched once for many flags.
#[derive(Default)]
pub struct Tally {
    evaluations: u64,
    errors: Vec<&'static str>,
}

impl Tally {
    /// One more.
    pub fn count(&mut self, evaluation: &Evaluation<'_>) {
        self.evaluations += 1;
        self.errors.extend(evaluation.error.as_ref().map(|error| error.code.as_str()));
    }

    /// Tells whoever wants to know.
    pub fn report(self, observer: &Observer, environment: &str) {
        if self.evaluations > 0 {
            observer.observe(&Observation::Evaluated { environment, evaluations: self.evaluations });
        }
        for code in self.errors {
            observer.observe(&Observation::EvaluationFailed { environment, code });
        }
    }
}
