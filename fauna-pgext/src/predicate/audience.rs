//! Audiences: their documents, read together, and their conditions, combined.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::rc::Rc;

use fauna_core::{Audience, MAX_DEPTH, MAX_VISITS, check_condition};
use pgrx::pg_sys;
use serde_json::Value as Json;

use super::attribute;
use super::condition::Condition;
use super::relation::Relation;
use super::sql::Sql;
use crate::catalog::Catalog;
use crate::jsonb::{Container, to_json};
use crate::load::{self, Found, Kind, Loaded, Tip};
use crate::row::TARGETING_KEY;
use crate::settings;

/// Whom to look for.
pub enum Subject<'a> {
    /// The audience with this key.
    Audience(&'a str),
    /// An audience's document, which need not be stored.
    Document(Json),
}

/// Why there is no predicate.
#[derive(Debug)]
pub enum Problem {
    UnknownAudience(String),
    /// Which audience (empty: the document that was given), and what is wrong with it.
    Invalid(String),
    /// The audience asks for `targetingKey`, and the relation has no column for it.
    NoKeyColumn,
    /// Nested too deep, or too many times: evaluation gives up there, too.
    TooLarge,
}

/// Times that documents are read again because others have committed in between.
const MAX_ATTEMPTS: usize = 8;

/// The predicate over the columns of `relation`.
///
/// # Safety
/// `relation` is one that has rows.
pub unsafe fn predicate(
    subject: &Subject<'_>,
    relation: pg_sys::Oid,
    key_column: &str,
) -> Result<String, Problem> {
    // SAFETY: the caller vouches for it.
    let relation = unsafe { Relation::open(relation, key_column) };
    let mut attempt = 1;
    loop {
        let mut documents = Documents::new();
        let sql =
            Builder { relation: &relation, documents: &mut documents, depth: 0, visits: 0 }.subject(subject);
        if !documents.is_torn || attempt == MAX_ATTEMPTS {
            return sql.map(|sql| sql.for_where().to_string());
        }
        attempt += 1;
    }
}

/// Documents of one configuration.
struct Documents {
    catalog: Catalog,
    environment: String,
    /// Of what was read first, if anything was.
    tip: OnceCell<Option<Tip>>,
    read: HashMap<String, Option<Rc<Json>>>,
    is_torn: bool,
}

impl Documents {
    fn new() -> Self {
        let (catalog, environment) = (Catalog::find(), settings::environment());
        Self { catalog, environment, tip: OnceCell::new(), read: HashMap::new(), is_torn: false }
    }

    fn get(&mut self, key: &str) -> Option<Rc<Json>> {
        if let Some(read) = self.read.get(key) {
            return read.clone();
        }
        let document = if key.len() > settings::MAX_KEY_LENGTH { None } else { self.load(key) };
        self.read.insert(key.to_owned(), document.clone());
        document
    }

    fn load(&mut self, key: &str) -> Option<Rc<Json>> {
        let Loaded { tip, what } =
            load::document::<Infallible>(&self.catalog, &self.environment, Kind::Audience, key, |_| None);
        self.is_torn |= *self.tip.get_or_init(|| tip) != tip;
        let Found::Read(Some(document), _) = what else { return None };
        Some(Rc::new(to_json(Container::new(&document))))
    }
}

struct Builder<'b> {
    relation: &'b Relation,
    documents: &'b mut Documents,
    depth: u32,
    visits: u32,
}

impl Builder<'_> {
    fn subject(&mut self, subject: &Subject<'_>) -> Result<Sql, Problem> {
        match subject {
            Subject::Audience(key) => self.stored(key),
            Subject::Document(document) => self.audience("", document),
        }
    }

    fn stored(&mut self, key: &str) -> Result<Sql, Problem> {
        self.visits += 1;
        if self.depth == MAX_DEPTH || self.visits > MAX_VISITS {
            return Err(Problem::TooLarge);
        }
        let document = self.documents.get(key).ok_or_else(|| Problem::UnknownAudience(key.to_owned()))?;
        self.depth += 1;
        let sql = self.audience(key, &document);
        self.depth -= 1;
        sql
    }

    fn audience(&mut self, key: &str, document: &Json) -> Result<Sql, Problem> {
        check(key, document)?;
        let conditions = document["conditions"].as_array().map_or(&[][..], Vec::as_slice);
        if conditions.is_empty() {
            return Ok(Sql::Never);
        }
        let parts =
            conditions.iter().map(|condition| self.condition(condition)).collect::<Result<Vec<_>, _>>()?;
        Ok(if document["match"] == "any" { Sql::any(parts) } else { Sql::all(parts) })
    }

    fn condition(&mut self, document: &Json) -> Result<Sql, Problem> {
        let condition = Condition::new(document);
        if condition.operator == "in_audience" {
            let members = condition.texts().map(|key| self.stored(key)).collect::<Result<Vec<_>, _>>()?;
            return Ok(Sql::any(members).negated_if(condition.negate));
        }
        if condition.attribute == TARGETING_KEY && self.relation.column(TARGETING_KEY).is_none() {
            return Err(Problem::NoKeyColumn);
        }
        Ok(attribute::condition(self.relation, &condition))
    }
}

/// Refuses what evaluation would, and what the table of conditions would: with patterns, that they compile.
fn check(key: &str, document: &Json) -> Result<(), Problem> {
    let invalid = |words: String| {
        Problem::Invalid(if key.is_empty() { words } else { format!("audience \"{key}\": {words}") })
    };
    if let Some(error) = Audience::from_document(key, document).error() {
        return Err(invalid(error.to_string()));
    }
    for (place, condition) in document["conditions"].as_array().into_iter().flatten().enumerate() {
        let kind = condition["type"].as_str().filter(|_| condition["operator"] != "in_audience");
        let operator = condition["operator"].as_str().unwrap_or_default();
        let ignore_case = condition["ignoreCase"].as_bool().unwrap_or_default();
        let none = Json::Array(Vec::new());
        let values = condition.get("values").filter(|values| !values.is_null()).unwrap_or(&none);
        check_condition(kind, operator, values, ignore_case)
            .map_err(|error| invalid(format!("conditions[{place}].{error}")))?;
    }
    Ok(())
}
