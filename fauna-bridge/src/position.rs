//! Where a reader stands in an environment's log: `epoch:revision`, the one identity of a configuration, used
//! alike as SSE id, `ETag`, `Last-Event-ID` and `?since=`.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// One revision of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Changes when the history is not the one that went before (restore, promotion).
    pub epoch: Uuid,
    /// Gap-free and in commit order within an epoch; never negative.
    pub revision: i64,
}

/// The text is not `epoch:revision`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position is written epoch:revision, for example 6f1c2a9e-0b54-4d7c-9a43-5f3d1c0e8b11:43")]
pub struct PositionError;

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.epoch, self.revision)
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let (epoch, revision) = text.split_once(':').ok_or(PositionError)?;
        // Only the form we write: `Uuid` alone would also take braces and urn:uuid:, `i64` a sign.
        if epoch.len() != 36 || revision.is_empty() || !revision.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PositionError);
        }
        let epoch = Uuid::try_parse(epoch).map_err(|_| PositionError)?;
        let revision = revision.parse().map_err(|_| PositionError)?;
        Ok(Self { epoch, revision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_what_it_writes() {
        let position = Position { epoch: Uuid::new_v4(), revision: 43 };
        assert_eq!(position.to_string().parse(), Ok(position));
    }

    #[test]
    fn anything_but_epoch_and_revision_is_refused() {
        let epoch = Uuid::new_v4();
        let refused = [
            String::new(),
            ":".into(),
            "43".into(),
            epoch.to_string(),
            format!("{epoch}:"),
            format!("{epoch}:-1"),
            format!("{epoch}:+1"),
            format!("{epoch}:1.5"),
            format!("{epoch}:1:2"),
            format!("{epoch}: 1"),
            format!("{epoch}:99999999999999999999"),
            format!("{}:1", epoch.simple()),
            format!("{{{epoch}}}:1"),
            format!("\u{feff}{epoch}:1"),
        ];
        for text in refused {
            assert_eq!(text.parse::<Position>(), Err(PositionError), "{text:?}");
        }
    }
}
