//! PostgreSQL's binary jsonb, read in place (`src/include/utils/jsonb.h` describes the format).
//!
//! A container is a header with a count, one entry of four bytes for every element (for an object
//! first all keys, then all values), and the data. An entry has the type and the length of its
//! data, or, once in 32 entries, the data's end. Object keys are sorted by length, then bytes.
//! All reads are bounds-checked slices, so not even a corrupt value can lead outside; it merely
//! has missing members.

use fauna_core::{is_ascii, same_bytes};

use super::numeric::Numeric;

const COUNT: u32 = 0x0FFF_FFFF;
const IS_SCALAR: u32 = 0x1000_0000;
const IS_OBJECT: u32 = 0x2000_0000;
const IS_ARRAY: u32 = 0x4000_0000;

const LENGTH_OR_END: u32 = 0x0FFF_FFFF;
const HAS_END: u32 = 0x8000_0000;
const TYPE: u32 = 0x7000_0000;
const STRING: u32 = 0x0000_0000;
const NUMERIC: u32 = 0x1000_0000;
const FALSE: u32 = 0x2000_0000;
const TRUE: u32 = 0x3000_0000;
const CONTAINER: u32 = 0x5000_0000;

/// Below this many keys, walking past them is cheaper than finding the middle ones' offsets.
const FEW_KEYS: usize = 16;

/// An object, an array, or the array of one that stands for a scalar at the top.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a> {
    bytes: &'a [u8],
    header: u32,
}

/// What an entry holds.
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    Number(Numeric<'a>),
    String(&'a str),
    Container(Container<'a>),
}

impl<'a> Container<'a> {
    /// Neither object nor array.
    pub const EMPTY: Container<'static> = Container { bytes: &[], header: 0 };

    /// Reads the header. Bytes too short for one are an empty thing that is neither object nor array.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, header: word(bytes, 0).unwrap_or(0) }
    }

    /// The binary form; of a nested container, too, a whole jsonb value.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    pub fn is_object(self) -> bool {
        self.header & IS_OBJECT != 0
    }

    pub fn is_array(self) -> bool {
        self.header & (IS_ARRAY | IS_SCALAR) == IS_ARRAY
    }

    /// The scalar that a whole jsonb value consists of.
    pub fn as_scalar(self) -> Option<Node<'a>> {
        (self.header & IS_SCALAR != 0).then(|| self.nodes(0, 1).next()).flatten()
    }

    /// The value of an object's member.
    #[inline]
    pub fn get(self, key: &str) -> Option<Node<'a>> {
        if !self.is_object() {
            return None;
        }
        if self.count() <= FEW_KEYS {
            return self.walk_to(key.as_bytes());
        }
        let index = self.position(key.as_bytes())? + self.count();
        self.nodes(index, index + 1).next()
    }

    /// The elements of an array.
    pub fn elements(self) -> Nodes<'a> {
        self.nodes(0, if self.is_array() { self.count() } else { 0 })
    }

    /// The members of an object.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let count = if self.is_object() { self.count() } else { 0 };
        let keys = self.nodes(0, count).map(|key| match key {
            Node::String(key) => key,
            _ => "",
        });
        keys.zip(self.nodes(count, 2 * count))
    }

    fn count(self) -> usize {
        (self.header & COUNT) as usize
    }

    /// Finds a member by walking: past the keys, and from the key on to its value, which stands as
    /// far behind it as there are keys. So few entries all have lengths (the first has an end, which
    /// is the same), and every offset is the sum of what it passes.
    #[expect(
        clippy::inline_always,
        reason = "the answer goes through memory otherwise: 5 % of an evaluation"
    )]
    #[inline(always)]
    fn walk_to(self, key: &[u8]) -> Option<Node<'a>> {
        let count = self.count();
        let (entries, data) = self.bytes.get(4..)?.split_at_checked(8 * count)?;
        let entries = entries.as_chunks().0;
        let mut start = 0;
        for (index, entry) in entries.get(..count)?.iter().enumerate() {
            let length = length_of(*entry);
            if length > key.len() {
                return None;
            }
            if length == key.len() {
                let name = data.get(start..start + length)?;
                if same_bytes(name, key) {
                    // So few lengths of 28 bits cannot overflow, and narrow they are added four at a time.
                    let lengths = entries.get(index..index + count)?.iter().copied().map(narrow_length_of);
                    let passed = lengths.sum::<u32>() as usize;
                    let value = entries.get(index + count)?;
                    let kind = u32::from_ne_bytes(*value) & TYPE;
                    return node(data, kind, start + passed, start + passed + length_of(*value));
                }
            }
            start += length;
        }
        None
    }

    fn position(self, key: &[u8]) -> Option<usize> {
        let order = |found: &[u8]| found.len().cmp(&key.len()).then_with(|| found.cmp(key));
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            match order(self.nodes(middle, middle + 1).next_bytes()?) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn nodes(self, index: usize, end: usize) -> Nodes<'a> {
        let count = if self.is_object() { 2 * self.count() } else { self.count() };
        let (entries, data) =
            self.bytes.get(4..).and_then(|rest| rest.split_at_checked(4 * count)).unwrap_or_default();
        let entries = entries.as_chunks().0.get(index..end).unwrap_or_default();
        Nodes { entries, data, index, offset: self.offset(index) }
    }

    /// Where an entry's data begins: the lengths before it, back to the nearest end that is stored.
    fn offset(self, index: usize) -> usize {
        let mut offset = 0;
        for before in (0..index).rev() {
            let entry = self.entry(before).unwrap_or(HAS_END);
            offset += (entry & LENGTH_OR_END) as usize;
            if entry & HAS_END != 0 {
                break;
            }
        }
        offset
    }

    fn entry(self, index: usize) -> Option<u32> {
        word(self.bytes, 4 + 4 * index)
    }
}

/// A walk over consecutive entries.
#[derive(Debug, Clone)]
pub struct Nodes<'a> {
    entries: &'a [[u8; 4]],
    data: &'a [u8],
    /// Entries walked past, counted from the container's first.
    index: usize,
    offset: usize,
}

impl<'a> Nodes<'a> {
    /// The next entry's type and where its data begins and ends.
    fn next_entry(&mut self) -> Option<(u32, usize, usize)> {
        let (entry, rest) = self.entries.split_first()?;
        self.entries = rest;
        self.index += 1;
        let entry = u32::from_ne_bytes(*entry);
        let start = self.offset;
        let length_or_end = (entry & LENGTH_OR_END) as usize;
        let end = if entry & HAS_END != 0 { length_or_end.max(start) } else { start + length_or_end };
        self.offset = end;
        Some((entry & TYPE, start, end))
    }

    /// The next entry's data, whatever its type: for keys, which are strings.
    fn next_bytes(&mut self) -> Option<&'a [u8]> {
        let (_, start, end) = self.next_entry()?;
        self.data.get(start..end)
    }
}

/// The length of an entry's data, if the entry holds that and no end.
fn length_of(entry: [u8; 4]) -> usize {
    narrow_length_of(entry) as usize
}

fn narrow_length_of(entry: [u8; 4]) -> u32 {
    u32::from_ne_bytes(entry) & LENGTH_OR_END
}

/// What stands at a place of a container's data.
#[expect(clippy::inline_always, reason = "as for `walk_to`")]
#[inline(always)]
fn node(data: &[u8], kind: u32, start: usize, end: usize) -> Option<Node<'_>> {
    // Numbers and containers begin at a multiple of four.
    let aligned = start.next_multiple_of(4);
    Some(match kind {
        STRING => text(data.get(start..end)?).map_or(Node::Null, Node::String),
        NUMERIC => Node::Number(Numeric::new(data.get(aligned..end)?)),
        TRUE => Node::Bool(true),
        FALSE => Node::Bool(false),
        CONTAINER => Node::Container(Container::new(data.get(aligned..end)?)),
        _ => Node::Null,
    })
}

/// Most texts are ASCII, and most are short: then this takes no call.
#[inline]
fn text(bytes: &[u8]) -> Option<&str> {
    if is_ascii(bytes) {
        // SAFETY: ASCII is UTF-8.
        return Some(unsafe { str::from_utf8_unchecked(bytes) });
    }
    str::from_utf8(bytes).ok()
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let (kind, start, end) = self.next_entry()?;
        node(self.data, kind, start, end)
    }

    fn nth(&mut self, count: usize) -> Option<Node<'a>> {
        for _ in 0..count {
            self.next_entry()?;
        }
        self.next()
    }
}

impl Node<'_> {
    /// This node as a jsonb value of its own: a container is one already, a scalar is put into the
    /// array of one that stands for it.
    pub fn to_jsonb(self) -> Box<[u8]> {
        let scalar = |kind: u32, data: &[u8]| {
            let length = u32::try_from(data.len()).unwrap_or(LENGTH_OR_END);
            let words = [IS_ARRAY | IS_SCALAR | 1, kind | HAS_END | length];
            words.iter().flat_map(|word| word.to_ne_bytes()).chain(data.iter().copied()).collect()
        };
        match self {
            Node::Null => scalar(0x4000_0000, &[]),
            Node::Bool(true) => scalar(TRUE, &[]),
            Node::Bool(false) => scalar(FALSE, &[]),
            Node::Number(number) => scalar(NUMERIC, number.bytes()),
            Node::String(text) => scalar(STRING, text.as_bytes()),
            Node::Container(container) => container.bytes().into(),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}
