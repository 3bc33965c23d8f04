//! The payload of a `NOTIFY fauna`.

use serde::Deserialize;
use uuid::Uuid;

use crate::position::Position;

/// "This environment now stands here." Only a hint: what the tables say decides.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Announcement {
    environment: String,
    epoch: Uuid,
    revision: i64,
}

impl Announcement {
    /// Reads a payload. Anyone who may connect can notify anything, so what cannot be read is no error: it just means
    /// that the tables must be asked.
    pub fn read(payload: &str) -> Option<Self> {
        serde_json::from_str(payload).ok()
    }

    /// Whether a reader at `position` (of that environment) has seen what is announced.
    pub fn is_known_to(&self, position: Option<Position>) -> bool {
        position.is_some_and(|known| known.epoch == self.epoch && known.revision >= self.revision)
    }

    /// The environment's key.
    pub fn environment(&self) -> &str {
        &self.environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_is_known_in_its_epoch_from_its_revision_on() {
        let epoch = Uuid::new_v4();
        let text = format!(r#"{{"environment":"production","epoch":"{epoch}","revision":43}}"#);
        let announcement = Announcement::read(&text).unwrap();
        assert_eq!(announcement.environment(), "production");
        assert!(announcement.is_known_to(Some(Position { epoch, revision: 43 })));
        assert!(announcement.is_known_to(Some(Position { epoch, revision: 44 })));
        assert!(!announcement.is_known_to(Some(Position { epoch, revision: 42 })));
        assert!(!announcement.is_known_to(Some(Position { epoch: Uuid::new_v4(), revision: 43 })));
        assert!(!announcement.is_known_to(None));
    }

    #[test]
    fn a_strange_payload_is_no_announcement() {
        for text in ["", "hello", "{}", "[1]", r#"{"environment":1,"epoch":"x","revision":"y"}"#] {
            assert_eq!(Announcement::read(text), None, "{text}");
        }
    }
}
