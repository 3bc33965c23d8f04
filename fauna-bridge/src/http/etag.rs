//! `ETag` and `If-None-Match`, RFC 9110 section 13.1.2.

use axum::http::HeaderMap;
use axum::http::header::IF_NONE_MATCH;

use crate::position::Position;

/// The strong validator of a position. Nothing in it needs escaping.
pub fn etag(position: Position) -> String {
    format!("\"{position}\"")
}

/// Whether the client already has what `etag` names: the weak comparison, over every header line and list member.
pub fn is_held(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    // A comma inside an opaque tag would split it, but ours has none, so a piece can never equal ours by accident:
    // it would lack a quote.
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|candidate| candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == etag)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn held(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_NONE_MATCH, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        is_held(&headers, "\"e:1\"")
    }

    #[test]
    fn a_tag_is_found_strong_weak_in_a_list_over_lines_or_as_a_star() {
        for lines in
            [&["\"e:1\""][..], &["W/\"e:1\""], &["*"], &["\"x\", W/\"y\" ,\"e:1\""], &["\"x\"", "\"e:1\""]]
        {
            assert!(held(lines), "{lines:?}");
        }
    }

    #[test]
    fn any_other_tag_and_nonsense_is_not_ours() {
        for lines in [
            &[][..],
            &[""],
            &["e:1"],
            &["\"e:2\""],
            &["w/\"e:1\""],
            &["\"e:1"],
            &["\"a,e:1\""],
            &["\"**\""],
            &["\u{e9}"],
        ] {
            assert!(!held(lines), "{lines:?}");
        }
    }
}
