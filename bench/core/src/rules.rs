//! The rules and the users, each in the words of both engines.

use std::collections::HashMap;

use serde_json::{Value, json};
use unleash_types::client_features::{Constraint, Operator, Strategy};
use unleash_yggdrasil::Context;

/// What is evaluated. Yggdrasil has neither booleans nor lists in its contexts, so that no condition needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// One condition, no rollout.
    Simple,
    /// Three conditions and a rollout to half.
    Three,
    /// Ten conditions and a rollout to half.
    Ten,
    /// One of 1 000 texts.
    List,
    /// One pattern.
    Pattern,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 5] = [Self::Simple, Self::Three, Self::Ten, Self::List, Self::Pattern];

    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "one condition",
            Self::Three => "three conditions, rollout",
            Self::Ten => "ten conditions, rollout",
            Self::List => "list of 1 000 texts",
            Self::Pattern => "regular expression",
        }
    }

    fn has_rollout(self) -> bool {
        matches!(self, Self::Three | Self::Ten)
    }

    fn conditions(self) -> Vec<Condition> {
        let country = Condition::new("country", "string", "in", &["CA", "US", "MX"], Operator::In);
        match self {
            Self::Simple => vec![country],
            Self::Three => Self::ten(country).into_iter().take(3).collect(),
            Self::Ten => Self::ten(country),
            Self::List => {
                let values: Vec<String> = (0..1_000).map(|number| format!("customer-{number}")).collect();
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                vec![Condition::new("customer", "string", "in", &values, Operator::In)]
            }
            Self::Pattern => {
                let pattern = r"^[a-z]+\.[a-z]+@example\.(org|net)$";
                vec![Condition::new("email", "string", "matches", &[pattern], Operator::RegexMatch)]
            }
        }
    }

    fn ten(country: Condition) -> Vec<Condition> {
        vec![
            country,
            Condition::new("plan", "string", "eq", &["pro"], Operator::In),
            Condition::new("age", "number", "gte", &["18"], Operator::NumGte),
            Condition::new("version", "version", "gte", &["2.1.0"], Operator::SemverGte),
            Condition::new("since", "date", "lt", &["2026-01-01T00:00:00Z"], Operator::DateBefore),
            Condition::new("email", "string", "ends_with", &["@example.org"], Operator::StrEndsWith),
            Condition::new("locale", "string", "starts_with", &["en"], Operator::StrStartsWith),
            Condition::new("city", "string", "contains", &["ville"], Operator::StrContains),
            Condition::new("ip", "string", "in_cidr", &["10.0.0.0/8"], Operator::InCidr),
            Condition::new("orders", "number", "lt", &["1000"], Operator::NumLt),
        ]
    }

    /// The audience's document.
    pub fn audience(self) -> Value {
        let conditions: Vec<Value> = self.conditions().iter().map(Condition::document).collect();
        json!({"match": "all", "conditions": conditions})
    }

    /// The flag's document: `on` to the audience, or to half of it.
    pub fn flag(self) -> Value {
        let serve = if self.has_rollout() {
            json!({"split": [{"variant": "on", "weight": 50_000}]})
        } else {
            json!({"variant": "on"})
        };
        json!({"kind": "boolean", "enabled": true, "offVariant": "off", "variants": {"on": true, "off": false},
            "default": {"variant": "off"},
            "rules": [{"id": "0b54", "match": "any", "audiences": [{"key": "audience"}], "serve": serve}]})
    }

    /// The same for yggdrasil.
    pub fn strategy(self) -> Strategy {
        let parameters = [("rollout", "50"), ("stickiness", "userId"), ("groupId", "checkout")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Strategy {
            name: if self.has_rollout() { "flexibleRollout" } else { "default" }.to_owned(),
            sort_order: None,
            segments: None,
            constraints: Some(self.conditions().into_iter().map(Condition::constraint).collect()),
            parameters: self.has_rollout().then(|| HashMap::from(parameters)),
            variants: None,
        }
    }
}

struct Condition {
    attribute: &'static str,
    kind: &'static str,
    operator: &'static str,
    values: Vec<String>,
    theirs: Operator,
}

impl Condition {
    fn new(
        attribute: &'static str,
        kind: &'static str,
        operator: &'static str,
        values: &[&str],
        theirs: Operator,
    ) -> Self {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Self { attribute, kind, operator, values, theirs }
    }

    fn document(&self) -> Value {
        let values: Vec<Value> = match self.kind {
            "number" => {
                self.values.iter().filter_map(|value| value.parse().map(Value::Number).ok()).collect()
            }
            _ => self.values.iter().map(|value| json!(value)).collect(),
        };
        json!({"attribute": self.attribute, "type": self.kind, "operator": self.operator, "values": values})
    }

    fn constraint(self) -> Constraint {
        Constraint {
            context_name: self.attribute.to_owned(),
            operator: self.theirs,
            case_insensitive: false,
            inverted: false,
            value: self.values.first().cloned(),
            values: Some(self.values),
        }
    }
}

/// A user by number, who fits every rule but the rollouts; one of them fits none.
#[derive(Debug, Clone, Copy)]
pub struct User(pub usize);

impl User {
    /// Somebody who is in no audience.
    pub fn stranger() -> Self {
        Self(usize::MAX)
    }

    fn texts(self) -> Vec<(&'static str, String)> {
        let Self(number) = self;
        let is_stranger = number == usize::MAX;
        let text = |fitting: &str| if is_stranger { "elsewhere" } else { fitting }.to_owned();
        vec![
            ("country", text(["CA", "US", "MX"][number % 3])),
            ("plan", text("pro")),
            ("version", format!("2.{}.1", 4 + number % 9)),
            ("since", format!("20{}-05-01T08:30:00+02:00", 10 + number % 15)),
            ("email", text(["ann.lee@example.org", "bob.ray@example.org"][number % 2])),
            ("locale", text(["en-CA", "en-US"][number % 2])),
            ("city", text(["Nashville", "Knoxville", "Huntsville"][number % 3])),
            ("ip", format!("10.{}.30.40", number % 250)),
            ("customer", text(&format!("customer-{}", number % 1_000))),
        ]
    }

    fn numbers(self) -> [(&'static str, usize); 2] {
        [("age", 18 + self.0 % 60), ("orders", self.0 % 999)]
    }

    /// As fauna-core reads it.
    pub fn context(self) -> Value {
        let mut context = json!({"targetingKey": format!("user-{}", self.0)});
        for (name, text) in self.texts() {
            context[name] = json!(text);
        }
        for (name, number) in self.numbers() {
            context[name] = json!(number);
        }
        context
    }

    /// As yggdrasil reads it.
    pub fn properties(self) -> Context {
        let numbers = self.numbers().map(|(name, number)| (name, number.to_string()));
        let properties =
            self.texts().into_iter().chain(numbers).map(|(name, value)| (name.to_owned(), value));
        Context {
            user_id: Some(format!("user-{}", self.0)),
            session_id: None,
            environment: None,
            app_name: None,
            current_time: None,
            remote_address: None,
            properties: Some(properties.collect()),
        }
    }
}
