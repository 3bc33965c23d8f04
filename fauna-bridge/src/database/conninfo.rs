//! Takes out of a connection string what `tokio_postgres` does not understand: URL or `key=value` pairs, as libpq reads them.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;

/// A connection string without the parameters that were asked for, and those.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    /// The rest, in the same form. What cannot be read stays as it is, for the parser of the rest to refuse.
    pub rest: String,
    /// The values by name. Of a parameter that stands twice, the last.
    pub values: HashMap<&'static str, String>,
}

/// Takes the parameters with these names.
pub fn take(conninfo: &str, names: &[&'static str]) -> Taken {
    let is_url = ["postgresql://", "postgres://"].iter().any(|scheme| conninfo.starts_with(scheme));
    if is_url { take_from_url(conninfo, names) } else { take_from_pairs(conninfo, names) }
}

fn wanted(name: &str, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|wanted| *wanted == name)
}

fn take_from_url(url: &str, names: &[&'static str]) -> Taken {
    let mut values = HashMap::new();
    // A password may contain a question mark, so the parameters begin behind the credentials.
    let credentials = url.find('@').unwrap_or(0);
    let Some(mark) = url[credentials..].find('?').map(|at| credentials + at) else {
        return Taken { rest: url.to_owned(), values };
    };
    let (base, query) = (&url[..mark], &url[mark + 1..]);
    let decode = |text: &str| percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
    let mut kept = Vec::new();
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = decode(name).ok().and_then(|name| wanted(&name, names));
        match (name, decode(value)) {
            (Some(name), Ok(value)) => drop(values.insert(name, value)),
            _ => kept.push(parameter),
        }
    }
    let rest = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
    Taken { rest, values }
}

fn take_from_pairs(pairs: &str, names: &[&'static str]) -> Taken {
    let (mut values, mut kept) = (HashMap::new(), Vec::new());
    let mut left = pairs.trim_start();
    while !left.is_empty() {
        let Some((name, value, after)) = pair(left) else {
            kept.push(left);
            break;
        };
        match wanted(name, names) {
            Some(name) => drop(values.insert(name, value)),
            None => kept.push(left[..left.len() - after.len()].trim_end()),
        }
        left = after.trim_start();
    }
    Taken { rest: kept.join(" "), values }
}

/// The first `key = value` of `text`, whose value may stand in quotes, with its backslashes undone; and what follows.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (name.trim_end(), value.trim_start());
    let quoted = value.strip_prefix('\'');
    let body = quoted.unwrap_or(value);
    let (mut read, mut escaped) = (String::new(), false);
    for (at, character) in body.char_indices() {
        match character {
            _ if escaped => {
                read.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '\'' if quoted.is_some() => return Some((name, read, &body[at + 1..])),
            _ if quoted.is_none() && character.is_whitespace() => return Some((name, read, &body[at..])),
            _ => read.push(character),
        }
    }
    // A quote that is not closed is for the other parser to name.
    quoted.is_none().then_some((name, read, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(conninfo: &str) -> (String, Vec<(&'static str, String)>) {
        let Taken { rest, values } = take(conninfo, &["sslmode", "sslrootcert"]);
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort();
        (rest, values)
    }

    fn values(mode: &str, root: &str) -> Vec<(&'static str, String)> {
        vec![("sslmode", mode.to_owned()), ("sslrootcert", root.to_owned())]
    }

    #[test]
    fn parameters_of_a_url_are_taken_and_decoded_and_the_others_stay_as_they_are() {
        let url = "postgresql://u:p%3D@h:1,i:2/d?a=%20b&sslmode=verify-full&c=d&sslrootcert=%2Fa%20b.pem";
        let rest = "postgresql://u:p%3D@h:1,i:2/d?a=%20b&c=d";
        assert_eq!(took(url), (rest.into(), values("verify-full", "/a b.pem")));
        assert_eq!(took("postgres://h/d?sslmode=x").0, "postgres://h/d");
        assert_eq!(took("postgres://h/d").0, "postgres://h/d");
        let (rest, taken) = took("postgres://u:p?w@h/d?sslmode=require");
        assert_eq!((&*rest, &*taken[0].1), ("postgres://u:p?w@h/d", "require"));
    }

    #[test]
    fn parameters_of_pairs_are_taken_from_their_quotes_and_the_others_keep_theirs() {
        let pairs =
            r" host=h  password = 'it\'s = \\ mine' sslmode=verify-ca sslrootcert='/a b\'.pem' dbname=d\ e ";
        let rest = r"host=h password = 'it\'s = \\ mine' dbname=d\ e";
        assert_eq!(took(pairs), (rest.into(), values("verify-ca", "/a b'.pem")));
        // A value that only looks like a parameter is none.
        assert_eq!(took("password='sslmode=require'"), ("password='sslmode=require'".into(), vec![]));
    }

    #[test]
    fn what_cannot_be_read_is_left_for_the_other_parser() {
        for conninfo in ["host=a password='open", "host", "host=a sslmode='open"] {
            assert_eq!(took(conninfo), (conninfo.into(), vec![]), "{conninfo}");
        }
    }
}
