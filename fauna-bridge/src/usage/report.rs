//! `POST /v1/usage`: what an SDK has counted.

use std::sync::Arc;

use fauna_core::{Flag, Timestamp};
use serde::Deserialize;

use super::{MICROS_PER_HOUR, Usage};

/// Counts in one report.
const MAX_COUNTS: usize = 10_000;

/// Evaluations in one count. More is no count, but a mistake that would spoil every sum.
const MAX_EVALUATIONS: u64 = 1_000_000_000;

/// An SDK that was cut off may report what it counted so long ago; older counts are taken for as old as this.
const MAX_AGE_MICROS: i64 = 7 * 24 * MICROS_PER_HOUR;

/// A valid report.
#[derive(Debug)]
pub struct UsageReport(Vec<Reported>);

/// Why a body is none.
#[derive(Debug, PartialEq, Eq)]
pub struct ReportRefusal;

#[derive(Debug, Deserialize)]
struct Body {
    counts: Vec<Reported>,
}

#[derive(Debug, Deserialize)]
struct Reported {
    flag: String,
    /// None: the code's default was served.
    variant: Option<String>,
    evaluations: u64,
    /// Any time in the hour; none: now.
    hour: Option<String>,
}

impl UsageReport {
    /// Reads a body.
    ///
    /// # Errors
    /// It is not what `docs/bridge.md` describes.
    pub fn read(body: &[u8]) -> Result<Self, ReportRefusal> {
        let Body { counts } = serde_json::from_slice(body).map_err(|_| ReportRefusal)?;
        let is_count = |reported: &Reported| (1..=MAX_EVALUATIONS).contains(&reported.evaluations);
        let is_time = |reported: &Reported| {
            reported.hour.as_deref().is_none_or(|hour| Timestamp::parse(hour).is_some())
        };
        if counts.len() > MAX_COUNTS || !counts.iter().all(|reported| is_count(reported) && is_time(reported))
        {
            return Err(ReportRefusal);
        }
        Ok(Self(counts))
    }

    /// Counts what is of `environment`. `flag` finds one; what it does not know, and variants that the flag does
    /// not have, are left out: whoever has a key could otherwise fill the memory with words. For a client only the flags
    /// that it may see count, and nothing tells it which those are.
    pub fn count<'f>(
        &self,
        usage: &Usage,
        environment: &Arc<str>,
        is_client: bool,
        now: Timestamp,
        flag: impl Fn(&str) -> Option<&'f Flag>,
    ) {
        for reported in &self.0 {
            let Some(flag) = flag(&reported.flag) else { continue };
            let variant = reported.variant.as_deref().unwrap_or_default();
            let is_known = variant.is_empty() || flag.variants().iter().any(|known| known.key() == variant);
            if is_known && (flag.client_visible() || !is_client) {
                let at = reported.hour.as_deref().and_then(Timestamp::parse).unwrap_or(now);
                let oldest = now.as_micros().saturating_sub(MAX_AGE_MICROS);
                let at = Timestamp::from_micros(at.as_micros().clamp(oldest, now.as_micros()));
                usage.count(environment, &reported.flag, variant, reported.evaluations, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Batch;
    use super::*;

    /// 2026-01-10T12:30:00Z.
    const NOW: i64 = 1_768_048_200_000_000;

    fn counted(body: &serde_json::Value, is_client: bool) -> Vec<String> {
        let usage = Usage::new(100);
        let report = UsageReport::read(body.to_string().as_bytes()).unwrap();
        let flags = [("open", true), ("hidden", false)].map(|(key, visible)| {
            let variants = json!({"on": true, "off": false});
            Flag::from_document(
                key,
                &json!({"kind": "boolean", "variants": variants, "clientVisible": visible}),
            )
        });
        report.count(&usage, &"production".into(), is_client, Timestamp::from_micros(NOW), |key| {
            flags.iter().find(|flag| flag.key() == key)
        });
        let mut batch = Batch::default();
        usage.empty_into(&mut batch);
        let json: serde_json::Value = serde_json::from_str(&batch.first(100).json).unwrap();
        let line = |count: &serde_json::Value| {
            format!("{} {} {} {}", count["flag"], count["variant"], count["hour"], count["evaluations"])
        };
        json["evaluations"].as_array().unwrap().iter().map(line).map(|line| line.replace('"', "")).collect()
    }

    #[test]
    fn counts_add_up_by_flag_variant_and_hour() {
        let body = json!({"counts": [
            {"flag": "open", "variant": "on", "evaluations": 2},
            {"flag": "open", "variant": "on", "evaluations": 3, "hour": "2026-01-10T13:05:00+01:00"},
            {"flag": "open", "variant": "on", "evaluations": 4, "hour": "2026-01-10T11:59:59Z"},
            {"flag": "hidden", "evaluations": 1}]});
        assert_eq!(
            counted(&body, false),
            [
                "hidden  2026-01-10T12:00:00Z 1",
                "open on 2026-01-10T11:00:00Z 4",
                "open on 2026-01-10T12:00:00Z 5"
            ]
        );
    }

    #[test]
    fn times_that_cannot_be_are_taken_for_the_nearest_that_can() {
        let body = json!({"counts": [
            {"flag": "open", "evaluations": 1, "hour": "2036-01-10T12:00:00Z"},
            {"flag": "open", "evaluations": 2, "hour": "1996-01-10T12:00:00Z"}]});
        assert_eq!(counted(&body, false), ["open  2026-01-03T12:00:00Z 2", "open  2026-01-10T12:00:00Z 1"]);
    }

    #[test]
    fn what_does_not_exist_or_is_hidden_from_the_key_is_left_out() {
        let body = json!({"counts": [
            {"flag": "open", "variant": "perhaps", "evaluations": 1},
            {"flag": "nothing", "variant": "on", "evaluations": 1},
            {"flag": "hidden", "variant": "on", "evaluations": 1},
            {"flag": "open", "variant": "off", "evaluations": 1}]});
        assert_eq!(counted(&body, true), ["open off 2026-01-10T12:00:00Z 1"]);
        assert_eq!(counted(&body, false).len(), 2);
    }

    #[test]
    fn a_body_of_another_shape_is_refused() {
        let many =
            json!({"counts": vec![json!({"flag": "a", "evaluations": 1}); MAX_COUNTS + 1]}).to_string();
        for body in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"counts":null}"#,
            r#"{"counts":[{}]}"#,
            r#"{"counts":[{"flag":"a"}]}"#,
            r#"{"counts":[{"flag":1,"evaluations":1}]}"#,
            r#"{"counts":[{"flag":"a","evaluations":0}]}"#,
            r#"{"counts":[{"flag":"a","evaluations":-1}]}"#,
            r#"{"counts":[{"flag":"a","evaluations":1.5}]}"#,
            r#"{"counts":[{"flag":"a","evaluations":1000000001}]}"#,
            r#"{"counts":[{"flag":"a","evaluations":1,"hour":"noon"}]}"#,
            many.as_str(),
        ] {
            assert_eq!(UsageReport::read(body.as_bytes()).err(), Some(ReportRefusal), "{body}");
        }
        assert!(UsageReport::read(b"{\"counts\":[{\"flag\":\"\xff\",\"evaluations\":1}]}").is_err());
        assert!(UsageReport::read(br#"{"counts":[]}"#).is_ok());
    }
}
