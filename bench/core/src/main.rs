//! What one evaluation costs in `fauna-core`, beside the crate `unleash-yggdrasil` on the same rules.
//!
//! `fauna-bench-core [rounds]` prints one JSON object a line, medians of the rounds:
//! `{"part","rule","flags","pick","faunaNs","yggdrasilNs"}`. The parts are `rules` and, with ever more flags, `growth`.
//! `make bench-sql` runs it and makes a table of it.
//!
//! In every round each subject runs for a moment, one after the other, so that both engines share the machine's weather.
//! Both evaluate with contexts that are already theirs (`serde_json` values; `Context` with its map of texts), for users
//! of whom both say yes: then neither leaves a rule early. `pick` is `one` where the same flag is asked for again and
//! again, and `each` where all flags take turns, so that no flag is in the processor's caches only because it was just used.
#![forbid(unsafe_code)]

mod rules;

use std::hint::black_box;
use std::io::{Write, stdout};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fauna_core::{Ruleset, Timestamp, evaluate};
use serde_json::{Map, Value, json};
use unleash_types::client_features::{ClientFeature, ClientFeatures};
use unleash_yggdrasil::{Context, EngineState};

use crate::rules::{Rule, User};

/// 2026-01-01T00:00:00Z, in microseconds.
const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// How many users take turns.
const USERS: usize = 256;

/// Evaluations between two looks at the clock: so few that most batches run without being interrupted.
const BATCH: usize = 1_024;

/// Evaluations before each batch, which find what the other subjects have left of the processor's caches.
const WARM_UP: usize = 512;

fn main() -> Result<()> {
    let rounds: usize = match std::env::args().nth(1) {
        Some(text) => text.parse().context("the number of rounds")?,
        None => 101,
    };
    let mut subjects = Vec::new();
    for rule in Rule::ALL {
        subjects.push(Subject::try_new(Part::Rules, rule, 1_000, Pick::One)?);
    }
    for pick in [Pick::One, Pick::Each] {
        for flags in [10, 100, 1_000, 10_000] {
            subjects.push(Subject::try_new(Part::Growth, Rule::Three, flags, pick)?);
        }
    }
    for round in 0..=rounds {
        for subject in &mut subjects {
            subject.run(round > 0);
        }
    }
    for subject in subjects {
        writeln!(stdout(), "{}", subject.result())?;
    }
    Ok(())
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Rules,
    Growth,
}

/// Which flags are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    One,
    Each,
}

/// One line of the result: a rule in so many flags, in both engines.
struct Subject {
    part: Part,
    rule: Rule,
    pick: Pick,
    keys: Vec<String>,
    ruleset: Ruleset,
    engine: EngineState,
    fauna_contexts: Vec<Value>,
    yggdrasil_contexts: Vec<Context>,
    fauna_ns: Vec<f64>,
    yggdrasil_ns: Vec<f64>,
}

impl Subject {
    fn try_new(part: Part, rule: Rule, flags: usize, pick: Pick) -> Result<Self> {
        let keys: Vec<String> = (0..flags).map(|number| format!("flag-{number}")).collect();
        let documents: Map<String, Value> = keys.iter().map(|key| (key.clone(), rule.flag())).collect();
        let ruleset =
            Ruleset::from_documents(&Value::Object(documents), &json!({"audience": rule.audience()}))?;
        let engine = EngineState::default();
        let features = keys.iter().map(|key| ClientFeature {
            name: key.clone(),
            enabled: true,
            strategies: Some(vec![rule.strategy()]),
            ..ClientFeature::default()
        });
        let warnings = engine.apply_client_features(ClientFeatures {
            version: 2,
            features: features.collect(),
            segments: None,
            query: None,
            meta: None,
        });
        ensure!(
            warnings.is_none_or(|warnings| warnings.is_empty()),
            "yggdrasil does not take the rule {rule:?}"
        );

        let mut subject = Self {
            part,
            rule,
            pick,
            keys,
            ruleset,
            engine,
            fauna_contexts: Vec::new(),
            yggdrasil_contexts: Vec::new(),
            fauna_ns: Vec::new(),
            yggdrasil_ns: Vec::new(),
        };
        for user in (0..).map(User) {
            let (context, properties) = (user.context(), user.properties());
            if subject.fauna("flag-0", &context) && subject.yggdrasil("flag-0", &properties) {
                subject.fauna_contexts.push(context);
                subject.yggdrasil_contexts.push(properties);
            }
            if subject.fauna_contexts.len() == USERS {
                break;
            }
            ensure!(user.0 < 100 * USERS, "the engines agree on too few users of {rule:?}");
        }
        let stranger = User::stranger();
        ensure!(!subject.fauna("flag-0", &stranger.context()), "fauna-core has everybody in {rule:?}");
        ensure!(!subject.yggdrasil("flag-0", &stranger.properties()), "yggdrasil has everybody in {rule:?}");
        Ok(subject)
    }

    fn fauna(&self, key: &str, context: &Value) -> bool {
        let evaluation = evaluate(black_box(&self.ruleset), black_box(key), black_box(context), NOW);
        evaluation.value() == Some(&Value::Bool(true))
    }

    fn yggdrasil(&self, key: &str, context: &Context) -> bool {
        black_box(&self.engine).is_enabled(black_box(key), black_box(context), &None)
    }

    fn run(&mut self, is_counted: bool) {
        let fauna = self.time(&self.fauna_contexts, |key, context| self.fauna(key, context));
        let yggdrasil = self.time(&self.yggdrasil_contexts, |key, context| self.yggdrasil(key, context));
        if is_counted {
            self.fauna_ns.push(fauna);
            self.yggdrasil_ns.push(yggdrasil);
        }
    }

    /// Nanoseconds per evaluation.
    fn time<C>(&self, contexts: &[C], is_on: impl Fn(&str, &C) -> bool) -> f64 {
        let last = match self.pick {
            Pick::One => 1,
            Pick::Each => self.keys.len(),
        };
        // Another part of the flags in every round.
        let keys = self.keys[..last].iter().cycle().skip(self.fauna_ns.len() * BATCH % last);
        let mut calls = keys.zip(contexts.iter().cycle());
        for (key, context) in calls.by_ref().take(WARM_UP) {
            black_box(is_on(key, context));
        }
        let started = Instant::now();
        for (key, context) in calls.take(BATCH) {
            black_box(is_on(key, context));
        }
        per_evaluation(started.elapsed())
    }

    fn result(self) -> Value {
        json!({
            "part": match self.part { Part::Rules => "rules", Part::Growth => "growth" },
            "rule": self.rule.name(),
            "flags": self.keys.len(),
            "pick": match self.pick { Pick::One => "one", Pick::Each => "each" },
            "faunaNs": median(self.fauna_ns),
            "yggdrasilNs": median(self.yggdrasil_ns),
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "a batch is a small number")]
fn per_evaluation(elapsed: Duration) -> f64 {
    elapsed.as_secs_f64() * 1e9 / BATCH as f64
}

fn median(mut samples: Vec<f64>) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}
