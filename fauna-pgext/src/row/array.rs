//! Arrays, read in place (`src/include/utils/array.h` describes the format).

use fauna_core::Scalar;

use super::field::Field;
use super::kind::Element;

/// The header that is not there any more: offsets inside an array count from before it.
const VARLENA_HEADER: usize = 4;

/// The elements of an array of one dimension; of one with more, which are arrays, none.
#[derive(Debug)]
pub struct Elements<'a> {
    element: &'a Element,
    data: &'a [u8],
    nulls: Option<&'a [u8]>,
    index: usize,
    count: usize,
    /// Where the next element comes, counted from the begin of the data, which is aligned.
    offset: usize,
}

impl<'a> Elements<'a> {
    /// Reads an array without its variable-length header.
    pub fn new(element: &'a Element, array: &'a [u8]) -> Self {
        Self::read(element, array).unwrap_or(Self {
            element,
            data: &[],
            nulls: None,
            index: 0,
            count: 0,
            offset: 0,
        })
    }

    /// `None` if it has not exactly one dimension.
    fn read(element: &'a Element, array: &'a [u8]) -> Option<Self> {
        let word = |index: usize| Some(i32::from_ne_bytes(*array.get(4 * index..)?.first_chunk()?));
        let (dimensions, data_offset) = (word(0)?, usize::try_from(word(1)?).ok()?);
        if dimensions != 1 {
            return None;
        }
        // Dimensions, offset and element type, length and lower bound; then nulls, if any; then the data.
        let count = usize::try_from(word(3)?).ok()?;
        let header = 5 * 4;
        let (nulls, start) = match data_offset {
            0 => (None, (VARLENA_HEADER + header).next_multiple_of(8) - VARLENA_HEADER),
            offset => (Some(array.get(header..)?), offset - VARLENA_HEADER),
        };
        Some(Self { element, data: array.get(start..)?, nulls, index: 0, count, offset: 0 })
    }

    fn is_null(&self, index: usize) -> bool {
        self.nulls.is_some_and(|nulls| nulls.get(index / 8).is_none_or(|byte| byte & (1 << (index % 8)) == 0))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Scalar<'a>;

    fn next(&mut self) -> Option<Scalar<'a>> {
        if self.index >= self.count {
            return None;
        }
        let is_null = self.is_null(self.index);
        self.index += 1;
        if is_null {
            return Some(Scalar::Other);
        }
        let (start, end) = self.element.layout.locate(self.data, self.offset)?;
        self.offset = end;
        let datum = self.element.layout.datum(self.data.get(start..end)?);
        // SAFETY: the array says that its elements are of this kind, and they live as long as it.
        Some(unsafe { Field::new(&self.element.kind, datum) }.scalar())
    }
}
