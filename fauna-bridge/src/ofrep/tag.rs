//! The validator of a bulk evaluation.
//!
//! `"epoch:revision-context-scope"`: the configuration, who is asked for, and how much the key may see. A client that sends the tag of another
//! context (the official web provider does, when everything but the targeting key changes) must not be told that nothing changed. Where
//! results that the key may see depend on the time, a digest of those that do follows. No flag is evaluated that does not.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};

use fauna_core::Timestamp;

use crate::evaluation::{Catalog, EvaluationContext, Scope};
use crate::position::Position;

/// The tag, with its quotes.
pub fn etag(catalog: &Catalog, scope: Scope, context: &EvaluationContext, now: Timestamp) -> String {
    let scope_mark = match scope {
        Scope::Client => 'c',
        Scope::Server => 's',
    };
    let digest = u128::from_be_bytes(context.digest());
    let mut tag = format!("\"{}-{digest:032x}-{scope_mark}", catalog.position);
    let timed = catalog.timed(scope);
    if !timed.is_empty() {
        let mut hasher = DefaultHasher::new();
        let mut answer = Vec::new();
        for flag in timed.iter().filter_map(|slot| catalog.flag_at(*slot)) {
            answer.clear();
            scope.write(&catalog.evaluate(flag, context, now), flag, &mut answer);
            hasher.write(&answer);
            // Between two answers: not a byte of JSON.
            hasher.write_u8(0);
        }
        // Writing to a String cannot fail.
        let _ = write!(tag, "-{:016x}", hasher.finish());
    }
    tag.push('"');
    tag
}

/// The position in a tag, which a client sends back as it got it in an event or a response.
pub fn position_of(tag: &str) -> Option<Position> {
    let tag = tag.trim().trim_start_matches("W/").trim_matches('"');
    // An epoch has four hyphens of its own, so the revision ends at the first after the colon.
    let (epoch, rest) = tag.split_once(':')?;
    let revision = rest.split_once('-').map_or(rest, |(revision, _)| revision);
    format!("{epoch}:{revision}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_found_in_every_form_of_a_tag() {
        let position = "6f1c2a9e-0b54-4d7c-9a43-5f3d1c0e8b11:43";
        for tag in [
            position.to_owned(),
            format!("\"{position}-00ff-c\""),
            format!("W/\"{position}-00ff-s-12\""),
            format!("\"{position}\""),
        ] {
            assert_eq!(position_of(&tag).map(|found| found.to_string()).as_deref(), Some(position), "{tag}");
        }
        for other in ["", "\"\"", "41", "x:y-z", "6f1c2a9e-0b54-4d7c-9a43-5f3d1c0e8b11:-"] {
            assert_eq!(position_of(other), None, "{other}");
        }
    }
}
