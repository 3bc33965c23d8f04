//! Conditions on text, which compare bytes.

use uuid::Uuid;

use super::class::Class;
use super::condition::Condition;
use super::sql::{Sql, equals_any, equals_any_of, literal};

/// The condition on a column that is not null, or `None` if only evaluation can tell: those that ignore case, patterns
/// other than plain text, addresses.
pub fn comparison(name: &str, value: &str, class: &Class, condition: &Condition<'_>) -> Option<Sql> {
    if condition.kind != "string" || condition.ignore_case {
        return None;
    }
    if condition.is_equality() {
        return Some(equality(name, value, class, condition.texts().map(str::to_owned).collect()));
    }
    let patterns: Vec<Plain> = match condition.operator {
        "contains" => condition.texts().map(|text| Plain::new(false, text, false)).collect(),
        "starts_with" => condition.texts().map(|text| Plain::new(true, text, false)).collect(),
        "ends_with" => condition.texts().map(|text| Plain::new(false, text, true)).collect(),
        "matches" => condition.texts().map(Plain::of_pattern).collect::<Option<_>>()?,
        _ => return None,
    };
    let (left, cast) = match class {
        Class::Uuid => (format!("{value}::text"), ""),
        // Only with text on the right are these the operators that look at every byte.
        Class::Name | Class::Character { .. } => (value.to_owned(), "::text"),
        Class::Text { is_bytewise: false, .. } => (format!("{value} COLLATE pg_catalog.\"C\""), ""),
        _ => (value.to_owned(), ""),
    };
    Some(Sql::any(patterns.into_iter().map(|plain| {
        if plain.is_anchored == (true, true) {
            equality(name, value, class, vec![plain.text])
        } else {
            Sql::Test(format!("{left} LIKE {}{cast}", literal(&plain.like())))
        }
    })))
}

fn equality(name: &str, value: &str, class: &Class, mut texts: Vec<String>) -> Sql {
    match class {
        Class::Uuid => {
            texts.retain(|text| Uuid::parse_str(text).is_ok_and(|id| id.hyphenated().to_string() == *text));
            equals_any(value, &texts)
        }
        Class::Name => equals_any_of(value, "=", &texts, "::text"),
        Class::Character { length } => {
            // Its operators leave out the spaces at the end, of which the column has as many as it takes.
            texts.retain(|text| text.chars().count() == *length);
            equals_any(value, &texts)
        }
        Class::Text { looser, is_bytewise } => {
            let exactly =
                if *is_bytewise { value.to_owned() } else { format!("{value} COLLATE pg_catalog.\"C\"") };
            let exactly = equals_any(&exactly, &texts);
            match looser {
                Some(operator) => Sql::all([exactly, equals_any_of(name, operator, &texts, "")]),
                None => exactly,
            }
        }
        _ => Sql::Never,
    }
}

/// Text to be found at one end, at both or anywhere.
struct Plain {
    text: String,
    is_anchored: (bool, bool),
}

impl Plain {
    fn new(at_start: bool, text: &str, at_end: bool) -> Self {
        Self { text: text.to_owned(), is_anchored: (at_start, at_end) }
    }

    /// What a pattern looks for, if that is text, perhaps between `^` and `$`.
    fn of_pattern(pattern: &str) -> Option<Self> {
        let rest = pattern.strip_prefix('^').unwrap_or(pattern);
        let at_start = rest.len() < pattern.len();
        let (mut text, mut characters) = (String::new(), rest.chars().peekable());
        while let Some(character) = characters.next() {
            match character {
                '\\' => text.push(characters.next().filter(char::is_ascii_punctuation)?),
                '$' if characters.peek().is_none() => return Some(Self::new(at_start, &text, true)),
                '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
                character => text.push(character),
            }
        }
        Some(Self::new(at_start, &text, false))
    }

    /// As a pattern of `LIKE`.
    fn like(&self) -> String {
        let (at_start, at_end) = self.is_anchored;
        let mut like = String::from(if at_start { "" } else { "%" });
        for character in self.text.chars() {
            if matches!(character, '%' | '_' | '\\') {
                like.push('\\');
            }
            like.push(character);
        }
        like.push_str(if at_end { "" } else { "%" });
        like
    }
}
