//! Classes: `[…]`, and the escapes `\d`, `\s`, `\w` and their opposites, which are ASCII.

use super::PatternError;
use super::grammar::Parser;

/// What a class escape stands for. Unlike `[[:space:]]`, `\s` has no vertical tab: RE2's choice.
pub(super) fn perl(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

const NAMED: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// A bracketed class; gives the number of its items.
pub(super) fn bracket(parser: &mut Parser) -> Result<usize, PatternError> {
    let opened = parser.error("unclosed class");
    parser.take();
    parser.output.push('[');
    if parser.take_if("^") {
        parser.output.push('^');
    }
    let mut items = 0;
    loop {
        match parser.peek() {
            None => return Err(opened),
            Some(']') if items == 0 => {
                return Err(parser.error("a literal brace or bracket needs a backslash"));
            }
            Some(']') => break,
            Some('[') => named(parser)?,
            Some(_) => item(parser, items == 0)?,
        }
        items += 1;
    }
    parser.take();
    parser.output.push(']');
    Ok(items)
}

/// `[:name:]` or `[:^name:]`.
fn named(parser: &mut Parser) -> Result<(), PatternError> {
    let unknown = parser.error("not the name of a class; a literal bracket needs a backslash");
    for caret in ["", "^"] {
        for name in NAMED {
            let class = format!("[:{caret}{name}:]");
            if parser.take_if(&class) {
                parser.output.push_str(&class);
                return Ok(());
            }
        }
    }
    Err(unknown)
}

/// A character, a range of characters, or a class escape.
fn item(parser: &mut Parser, first: bool) -> Result<(), PatternError> {
    if parser.take_if("-") {
        // In the middle it might be read as a range, doubled as a set operation.
        if (first || parser.peek() == Some(']')) && parser.peek() != Some('-') {
            return parser.write_character('-');
        }
        return Err(parser.error("a literal hyphen inside a class needs a backslash"));
    }
    for doubled in ["&&", "~~"] {
        if parser.take_if(doubled) {
            return Err(parser.error("set operations are not supported"));
        }
    }
    let Some(low) = character_or_class(parser)? else { return Ok(()) };
    parser.write_character(low)?;
    if parser.peek() != Some('-') {
        return Ok(());
    }
    parser.take();
    if parser.peek() == Some(']') {
        return parser.write_character('-');
    }
    if matches!(parser.peek(), Some('[' | '-')) {
        return Err(parser.error("a range needs two characters"));
    }
    let high = character_or_class(parser)?.filter(|high| low <= *high);
    let high = high.ok_or_else(|| parser.error("a range needs two characters in order"))?;
    parser.output.push('-');
    parser.write_character(high)
}

/// The character read, or `None` after writing a class escape.
fn character_or_class(parser: &mut Parser) -> Result<Option<char>, PatternError> {
    let unclosed = parser.error("unclosed class");
    let character = parser.take().ok_or(unclosed)?;
    if character != '\\' {
        return Ok(Some(character));
    }
    let Some(class) = parser.peek().and_then(perl) else { return parser.escaped().map(Some) };
    parser.take();
    parser.output.push_str(class);
    Ok(None)
}
