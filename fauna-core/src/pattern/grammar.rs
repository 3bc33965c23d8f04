//! The grammar outside of brackets, read and rewritten in one pass.

use std::fmt::Write;
use std::ops::RangeInclusive;

use super::PatternError;
use super::class;

/// Characters in a pattern at most.
const MAX_LENGTH: usize = 1_000;
/// Groups inside groups at most.
const MAX_NESTING: usize = 50;
/// The highest count in `{…}`, and the highest product of counts one inside the other.
const MAX_COUNT: usize = 1_000;
/// The highest size, where a character, an assertion or an item of a class is 1 and a count multiplies.
const MAX_SIZE: usize = 2_000;

/// Letters whose case only the younger of the two engines' Unicode tables knows.
const YOUNG_LETTERS: [RangeInclusive<char>; 2] = ['\u{a7ce}'..='\u{a7d5}', '\u{16ea0}'..='\u{16ed3}'];

type Parse<T> = Result<T, PatternError>;

/// How large a piece of the pattern is.
#[derive(Clone, Copy)]
struct Measure {
    size: usize,
    /// The product of the counts nested in it.
    counts: usize,
}

/// Checks `pattern` and writes it in the `regex` crate's syntax.
pub(super) fn translate(pattern: &str) -> Parse<String> {
    let mut parser = Parser::new(pattern);
    if parser.input.len() > MAX_LENGTH {
        return Err(parser.error("longer than 1000 characters"));
    }
    parser.alternatives(0)?;
    match parser.peek() {
        None => Ok(parser.output),
        Some(_) => Err(parser.error("unopened group")),
    }
}

pub(super) struct Parser {
    input: Vec<char>,
    next: usize,
    pub(super) output: String,
}

impl Parser {
    fn new(pattern: &str) -> Self {
        Self { input: pattern.chars().collect(), next: 0, output: String::with_capacity(pattern.len() * 2) }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.input.get(self.next).copied()
    }

    pub(super) fn take(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.next += 1;
        Some(character)
    }

    pub(super) fn take_if(&mut self, expected: &str) -> bool {
        let rest = &self.input[self.next..];
        let found =
            rest.len() >= expected.chars().count() && expected.chars().zip(rest).all(|(e, r)| e == *r);
        if found {
            self.next += expected.chars().count();
        }
        found
    }

    pub(super) fn error(&self, problem: &'static str) -> PatternError {
        PatternError { position: (self.next + 1).min(self.input.len().max(1)), problem }
    }

    /// Writes a character so that it can only mean itself, in a class and outside of one.
    pub(super) fn write_character(&mut self, character: char) -> Parse<()> {
        if YOUNG_LETTERS.iter().any(|letters| letters.contains(&character)) {
            return Err(self.error("a letter younger than Unicode 16"));
        }
        if character.is_ascii_alphanumeric() || !character.is_ascii() {
            self.output.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(self.output, "\\x{:02X}", u32::from(character));
        }
        Ok(())
    }

    /// Alternatives up to the end of the group, which is left for the caller.
    fn alternatives(&mut self, nesting: usize) -> Parse<Measure> {
        let mut total = Measure { size: 0, counts: 1 };
        loop {
            let measure = match self.peek() {
                None | Some(')') => return Ok(total),
                Some('|') => {
                    self.next += 1;
                    self.output.push('|');
                    continue;
                }
                Some(_) => self.piece(nesting)?,
            };
            total = Measure { size: total.size + measure.size, counts: total.counts.max(measure.counts) };
            if total.size > MAX_SIZE {
                return Err(self.error("too large: more than 2000 characters when counts are written out"));
            }
        }
    }

    /// An assertion or a change of flags, or an atom with its repetition.
    fn piece(&mut self, nesting: usize) -> Parse<Measure> {
        for (assertion, translation) in [
            ("^", "^"),
            ("$", "$"),
            ("\\A", "\\A"),
            ("\\z", "\\z"),
            ("\\b", "(?-u:\\b)"),
            ("\\B", "(?-u:\\B)"),
        ] {
            if self.take_if(assertion) {
                self.output.push_str(translation);
                return self.not_repeated();
            }
        }
        if self.peek() == Some('(') {
            if let Some(measure) = self.group(nesting)? {
                return self.repetition(measure);
            }
            return self.not_repeated();
        }
        let size = self.atom()?;
        self.repetition(Measure { size, counts: 1 })
    }

    fn not_repeated(&self) -> Parse<Measure> {
        match self.peek() {
            Some('*' | '+' | '?' | '{') => Err(self.error("nothing to repeat")),
            _ => Ok(Measure { size: 1, counts: 1 }),
        }
    }

    fn atom(&mut self) -> Parse<usize> {
        match self.peek() {
            Some('.') => {
                self.next += 1;
                self.output.push('.');
                Ok(1)
            }
            Some('[') => class::bracket(self),
            Some('\\') => {
                self.next += 1;
                if let Some(class) = self.peek().and_then(class::perl) {
                    self.next += 1;
                    self.output.push_str(class);
                } else {
                    let character = self.escaped()?;
                    self.write_character(character)?;
                }
                Ok(1)
            }
            Some('*' | '+' | '?') => Err(self.error("nothing to repeat")),
            Some('{' | '}' | ']') => Err(self.error("a literal brace or bracket needs a backslash")),
            Some(character) => {
                self.next += 1;
                self.write_character(character)?;
                Ok(1)
            }
            None => Err(self.error("unexpected end")),
        }
    }

    /// The character that an escape stands for; the backslash has been read.
    pub(super) fn escaped(&mut self) -> Parse<char> {
        let character = match self.peek() {
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('f') => '\u{c}',
            Some('v') => '\u{b}',
            Some('a') => '\u{7}',
            Some('x') => {
                self.next += 1;
                return self.hexadecimal();
            }
            Some('<' | '>') => return Err(self.error("word boundaries of this kind are not supported")),
            Some(punctuation) if punctuation.is_ascii_punctuation() || punctuation == ' ' => punctuation,
            Some('p' | 'P') => return Err(self.error("Unicode classes are not supported")),
            Some('0'..='9' | 'k') => return Err(self.error("backreferences and octal are not supported")),
            Some(_) => return Err(self.error("unknown escape")),
            None => return Err(self.error("a backslash with nothing after it")),
        };
        self.next += 1;
        Ok(character)
    }

    /// `hh` or `{h…}` with one to six digits.
    fn hexadecimal(&mut self) -> Parse<char> {
        let braced = self.take_if("{");
        let start = self.next;
        while self.next - start < if braced { 6 } else { 2 }
            && self.peek().is_some_and(|c| c.is_ascii_hexdigit())
        {
            self.next += 1;
        }
        let digits: String = self.input[start..self.next].iter().collect();
        let complete = if braced { !digits.is_empty() && self.take_if("}") } else { digits.len() == 2 };
        let character = u32::from_str_radix(&digits, 16).ok().filter(|_| complete).and_then(char::from_u32);
        character.ok_or_else(|| self.error("not a hexadecimal character"))
    }

    /// A group, or `None` for a change of flags such as `(?i)`.
    fn group(&mut self, nesting: usize) -> Parse<Option<Measure>> {
        if nesting == MAX_NESTING {
            return Err(self.error("groups nested more than 50 deep"));
        }
        let opened = self.error("unclosed group");
        self.next += 1;
        // Captures serve nobody here.
        self.output.push_str("(?");
        if self.take_if("?") {
            let flags = self.flags()?;
            self.output.push_str(&flags);
            if !flags.is_empty() && self.take_if(")") {
                self.output.push(')');
                return Ok(None);
            }
            if !self.take_if(":") {
                return Err(self.error("this kind of group is not supported"));
            }
        }
        self.output.push(':');
        let measure = self.alternatives(nesting + 1)?;
        if !self.take_if(")") {
            return Err(opened);
        }
        self.output.push(')');
        Ok(Some(measure))
    }

    /// Flags to set and, after a minus, to clear; each of `i`, `m` and `s` once at most.
    fn flags(&mut self) -> Parse<String> {
        let mut flags = String::new();
        while let Some(flag @ ('i' | 'm' | 's' | '-')) = self.peek() {
            if flags.contains(flag) {
                return Err(self.error("repeated flag"));
            }
            flags.push(flag);
            self.next += 1;
        }
        if flags.ends_with('-') { Err(self.error("a flag is missing")) } else { Ok(flags) }
    }

    fn repetition(&mut self, Measure { size, counts }: Measure) -> Parse<Measure> {
        let start = self.next;
        let count = match self.peek() {
            Some('*' | '+' | '?') => {
                self.next += 1;
                1
            }
            Some('{') => {
                self.next += 1;
                self.counts()?
            }
            _ => return Ok(Measure { size, counts }),
        };
        self.take_if("?");
        if let Some('*' | '+' | '?' | '{') = self.peek() {
            return Err(self.error("a repetition of a repetition needs a group"));
        }
        self.output.extend(&self.input[start..self.next]);
        let measure = Measure { size: size.max(1) * count, counts: counts * count };
        if measure.counts > MAX_COUNT {
            return Err(self.error("repeated more than 1000 times"));
        }
        Ok(measure)
    }

    /// `n}`, `n,}` or `n,m}`: how many copies are written out at most.
    fn counts(&mut self) -> Parse<usize> {
        let least = self.count()?;
        let most = if self.take_if(",") && self.peek() != Some('}') { self.count()? } else { least };
        if !self.take_if("}") {
            return Err(self.error("not a repetition; a literal brace needs a backslash"));
        }
        if most < least {
            return Err(self.error("the greater count comes first"));
        }
        Ok(most.max(1))
    }

    fn count(&mut self) -> Parse<usize> {
        let start = self.next;
        while self.next - start < 4 && self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.next += 1;
        }
        let digits: String = self.input[start..self.next].iter().collect();
        match digits.parse() {
            Ok(count) if count <= MAX_COUNT => Ok(count),
            Ok(_) => Err(self.error("repeated more than 1000 times")),
            Err(_) => Err(self.error("not a repetition; a literal brace needs a backslash")),
        }
    }
}
