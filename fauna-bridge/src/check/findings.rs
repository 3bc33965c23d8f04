//! What was found, in words.

use std::fmt;

use crate::database::DatabaseError;

/// One thing that was looked at.
pub struct Finding {
    verdict: Verdict,
    name: &'static str,
    words: String,
    advice: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fine,
    Warning,
    Failure,
}

impl Finding {
    /// As it should be.
    pub fn fine(name: &'static str, words: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fine, name, words: words.into(), advice: String::new() }
    }

    /// It works, but not as well as it could.
    pub fn warning(name: &'static str, words: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, name, words: words.into(), advice: advice.into() }
    }

    /// It does not work.
    pub fn failure(name: &'static str, words: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failure, name, words: words.into(), advice: advice.into() }
    }

    /// Whether it does not work.
    pub fn is_failure(&self) -> bool {
        self.verdict == Verdict::Failure
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Fine => "ok  ",
            Verdict::Warning => "warn",
            Verdict::Failure => "FAIL",
        };
        write!(formatter, "{verdict}  {}: {}", self.name, self.words)?;
        if self.advice.is_empty() { Ok(()) } else { write!(formatter, ". {}", self.advice) }
    }
}

/// What to do when no connection comes about.
pub fn connection_advice(error: &DatabaseError) -> &'static str {
    match error.code() {
        Some("28P01" | "28000") => {
            "Correct the user and the password in --database-url, or let them in by pg_hba.conf."
        }
        Some("3D000") => "Name a database that exists in --database-url.",
        Some("42501") => "Run GRANT CONNECT ON DATABASE … TO the role.",
        Some("53300") => "Raise max_connections, or end some sessions: the server has no place left.",
        Some("57P03") => "Wait until the server has started.",
        Some(_) => "Look into the log of PostgreSQL.",
        None => {
            "See that PostgreSQL runs there and listens on that address, that no firewall is in between, and that sslmode is what it wants."
        }
    }
}
