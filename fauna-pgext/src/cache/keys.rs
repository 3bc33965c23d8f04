//! A list of keys in two pieces of memory, however long it is: letting go of one piece per key took longer than all else
//! that a session of 10 000 flags has to do after a change.

/// Keys in the order given.
pub struct Keys {
    text: Box<str>,
    /// Where each ends in the text.
    ends: Box<[usize]>,
}

impl Keys {
    pub fn new(keys: &[Box<str>]) -> Self {
        let mut end = 0;
        let ends = keys.iter().map(|key| {
            end += key.len();
            end
        });
        Self { ends: ends.collect(), text: keys.concat().into() }
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |&end| &self.text[std::mem::replace(&mut start, end)..end])
    }
}
