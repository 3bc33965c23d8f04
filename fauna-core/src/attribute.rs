//! Attribute paths, split once when a document is compiled.

/// The name of an attribute as a condition or a split gives it, ready for lookup.
///
/// A context is asked for the whole name as a top-level key first, then, if the name has dots, for
/// the segments one inside the other: `"user.plan"` finds `{"user.plan": 1}` before
/// `{"user": {"plan": 1}}`. JSON null counts as absent in both steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    name: Box<str>,
    segments: Box<[Box<str>]>,
}

impl AttributePath {
    /// Splits `name` at its dots.
    pub fn new(name: &str) -> Self {
        let segments =
            if name.contains('.') { name.split('.').map(Box::from).collect() } else { Box::default() };
        Self { name: name.into(), segments }
    }

    /// The whole name: the top-level key to try first.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The keys to follow through nested objects when the whole name is missing; empty for a name
    /// without dots, which has no second meaning.
    pub fn segments(&self) -> &[Box<str>] {
        &self.segments
    }
}
