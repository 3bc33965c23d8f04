//! A condition on an attribute, as SQL over the columns it stands for.

use super::class::Class;
use super::condition::Condition;
use super::relation::{Column, Relation};
use super::sql::{Sql, equals_any_of, literal};
use super::{collection, instant, number, text};

/// Whether the condition holds: for the column of the attribute's name, or, if that is missing, for what its dotted path
/// leads to in a jsonb column. A missing attribute satisfies nothing, negated or not.
pub fn condition(relation: &Relation, condition: &Condition<'_>) -> Sql {
    let places = places(relation, condition.attribute);
    let exists = |place: &Place<'_>| place.exists();
    if condition.operator == "exists" {
        return Sql::any(places.iter().map(exists)).negated_if(condition.negate);
    }
    let mut earlier = Vec::new();
    Sql::any(places.iter().map(|place| {
        let found = Sql::all(earlier.iter().cloned().chain([place.holds(condition)]));
        earlier.push(place.exists().negated());
        found
    }))
}

/// Where the value of an attribute may be: a column, and in it a path that is empty unless it is jsonb.
struct Place<'a> {
    column: &'a Column,
    path: Vec<&'a str>,
}

fn places<'a>(relation: &'a Relation, attribute: &'a str) -> Vec<Place<'a>> {
    let whole = relation.column(attribute).map(|column| Place { column, path: Vec::new() });
    let inside = attribute.split_once('.').and_then(|(first, rest)| {
        let column = relation.column(first).filter(|column| matches!(column.class, Class::Jsonb))?;
        Some(Place { column, path: rest.split('.').collect() })
    });
    whole.into_iter().chain(inside).collect()
}

impl Place<'_> {
    fn exists(&self) -> Sql {
        match &self.column.class {
            // Evaluation knows what counts as null there.
            Class::Jsonb => {
                self.call(&Condition { kind: "string", operator: "exists", ..Condition::default() })
            }
            class => Sql::all([number::is_finite(&self.column.value, class), self.column.is_present()]),
        }
    }

    fn holds(&self, condition: &Condition<'_>) -> Sql {
        let Column { name, value, class, .. } = self.column;
        let matches = match (condition.kind, class) {
            _ if is_of_another_type(condition.kind, class) => Some(Sql::Never),
            (_, Class::Jsonb) => {
                let found = collection::jsonb(value, &self.path, condition);
                return found.map_or_else(
                    || self.call(condition),
                    |found| Sql::strict(found, self.column.is_present()),
                );
            }
            ("boolean", Class::Boolean) => return self.is_true_or_false(condition),
            (_, Class::Array(element)) => collection::array(self.column, element, condition),
            ("number", Class::Integer { .. } | Class::Single | Class::Double | Class::Numeric(_)) => {
                number::comparison(value, class, condition)
            }
            (_, Class::Enum(labels)) => Some(one_of(value, labels, &condition.matching(labels))),
            ("date", Class::Instant(instant)) => instant::comparison(value, *instant, condition),
            (_, Class::Text { .. } | Class::Name | Class::Character { .. } | Class::Uuid) => {
                text::comparison(name, value, class, condition)
            }
            _ => None,
        };
        match matches {
            Some(matches) if condition.negate => {
                let finite = number::is_finite(value, class);
                Sql::strict(Sql::all([matches.negated(), finite]), self.column.is_present())
            }
            // A number that matches is finite.
            Some(matches) => Sql::strict(matches, self.column.is_present()),
            None => self.call(condition),
        }
    }

    /// True and false are all there is, and `IS` is never null.
    fn is_true_or_false(&self, condition: &Condition<'_>) -> Sql {
        let value = &self.column.value;
        let is_sought = |sought: bool| {
            condition.values.iter().any(|value| value.as_bool() == Some(sought)) != condition.negate
        };
        match (is_sought(true), is_sought(false)) {
            (true, true) => self.column.is_present(),
            (true, false) => Sql::Test(format!("{value} IS TRUE")),
            (false, true) => Sql::Test(format!("{value} IS FALSE")),
            (false, false) => Sql::Never,
        }
    }

    /// Asks evaluation itself.
    fn call(&self, condition: &Condition<'_>) -> Sql {
        let document = literal(&condition.to_json().to_string());
        let value = match &self.path[..] {
            [] => self.column.name.clone(),
            path => path
                .iter()
                .fold(self.column.value.clone(), |value, key| format!("{value} -> {}::text", literal(key))),
        };
        Sql::Test(format!("fauna.condition_holds({value}, {document})"))
    }
}

/// Whether no value of the column can match a condition on an attribute of the type.
fn is_of_another_type(kind: &str, class: &Class) -> bool {
    match class {
        Class::Boolean => kind != "boolean",

        Class::Integer { .. } | Class::Single | Class::Double | Class::Numeric(_) => kind != "number",
        Class::Text { .. }
        | Class::Name
        | Class::Character { .. }
        | Class::Enum(_)
        | Class::Uuid
        | Class::Instant(_) => {
            matches!(kind, "number" | "boolean")
        }
        Class::Composite => true,
        Class::Jsonb | Class::Array(_) | Class::Other => false,
    }
}

/// Labels of an enum, by the server's own operator.
fn one_of(value: &str, labels: &[String], sought: &[String]) -> Sql {
    if sought.len() == labels.len() {
        Sql::Always
    } else {
        equals_any_of(value, "OPERATOR(pg_catalog.=)", sought, "")
    }
}
