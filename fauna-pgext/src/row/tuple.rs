//! Rows as PostgreSQL forms them, and where in them a field lies.
//!
//! This is what the server's `heap_deform_tuple` does, over a slice whose bounds are checked: a
//! header, a bitmap of nulls, and the fields one behind the other, each at its type's alignment.

use std::slice;

use pgrx::{pg_sys, varlena};

/// A row's type: its id, and for anonymous records the number the backend has given their shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowType {
    pub id: pg_sys::Oid,
    pub typmod: i32,
}

/// A row, borrowed.
#[derive(Clone, Copy)]
pub struct Tuple<'a> {
    header: &'a pg_sys::HeapTupleHeaderData,
    bytes: &'a [u8],
}

/// How values of a type lie behind one another.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// In bytes; -1 is a value with a header of its own, -2 text up to a zero byte.
    length: i16,
    is_by_value: bool,
    alignment: u8,
}

impl<'a> Tuple<'a> {
    /// Reads a composite value.
    ///
    /// # Safety
    /// `datum` is a composite value that stays where it is for `'a`.
    pub unsafe fn new(datum: pg_sys::Datum) -> Self {
        // SAFETY: a composite value has the header of any variable-length one, followed by that of
        // a tuple; detoasted, it says its own length.
        unsafe {
            let value = datum.cast_mut_ptr::<pg_sys::varlena>();
            let value = if varlena::varatt_is_4b_u(value) { value } else { pg_sys::pg_detoast_datum(value) };
            let bytes = slice::from_raw_parts(value.cast(), varlena::varsize_4b(value));
            Self { header: &*value.cast(), bytes }
        }
    }

    pub fn row_type(self) -> RowType {
        // SAFETY: a composite value's header has these fields.
        let fields = unsafe { self.header.t_choice.t_datum };
        RowType { id: fields.datum_typeid, typmod: fields.datum_typmod }
    }

    /// How many columns the row was formed with.
    pub fn column_count(self) -> usize {
        usize::from(self.header.t_infomask2) & pg_sys::HEAP_NATTS_MASK as usize
    }

    /// This row, or one formed anew if it is older than the last of the type's `count` columns.
    pub fn with_columns(self, count: usize) -> Self {
        if self.column_count() >= count { self } else { self.reform(count) }
    }

    #[cold]
    fn reform(self, count: usize) -> Self {
        let RowType { id, typmod } = self.row_type();
        let mut values = vec![pg_sys::Datum::null(); count];
        let mut nulls = vec![true; count];
        // SAFETY: the descriptor is pinned while it is used; it has `count` columns, being that of
        // the shape, and is the row's own. The new row lives as long as the call.
        unsafe {
            let descriptor = pg_sys::lookup_rowtype_tupdesc(id, typmod);
            let mut tuple = pg_sys::HeapTupleData {
                t_len: u32::try_from(self.bytes.len()).unwrap_or_default(),
                t_data: self.bytes.as_ptr().cast_mut().cast(),
                ..Default::default()
            };
            pg_sys::heap_deform_tuple(&raw mut tuple, descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            let formed = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            let datum = pg_sys::HeapTupleHeaderGetDatum((*formed).t_data);
            pgrx::tupdesc::release_tupdesc(descriptor);
            Self::new(datum)
        }
    }

    /// Everything behind the header.
    pub fn data(self) -> &'a [u8] {
        self.bytes.get(usize::from(self.header.t_hoff)..).unwrap_or_default()
    }

    pub fn has_nulls(self) -> bool {
        u32::from(self.header.t_infomask) & pg_sys::HEAP_HASNULL != 0
    }

    /// Whether a column is null, in a row that has nulls.
    pub fn is_null(self, column: usize) -> bool {
        let bitmap = std::mem::offset_of!(pg_sys::HeapTupleHeaderData, t_bits);
        self.bytes.get(bitmap + column / 8).is_none_or(|byte| byte & (1 << (column % 8)) == 0)
    }
}

impl Layout {
    /// As the catalogs give it, the alignment by a letter.
    pub fn new(length: i16, is_by_value: bool, alignment: std::ffi::c_char) -> Self {
        let alignment = match alignment.cast_unsigned() {
            b'c' => 1,
            b's' => 2,
            b'i' => 4,
            _ => 8,
        };
        Self { length, is_by_value, alignment }
    }

    /// The value that lies in these bytes, as the server passes it.
    pub fn datum(self, bytes: &[u8]) -> pg_sys::Datum {
        if !self.is_by_value {
            return pg_sys::Datum::from(bytes.as_ptr());
        }
        pg_sys::Datum::from(match *bytes {
            [a] => i64::from(a.cast_signed()),
            [a, b] => i16::from_ne_bytes([a, b]).into(),
            [a, b, c, d] => i32::from_ne_bytes([a, b, c, d]).into(),
            _ => bytes.first_chunk().map_or(0, |bytes| i64::from_ne_bytes(*bytes)),
        })
    }

    /// Where the value that comes at or after `offset` begins and ends.
    pub fn locate(self, data: &[u8], offset: usize) -> Option<(usize, usize)> {
        let aligned = offset.next_multiple_of(usize::from(self.alignment));
        if let Ok(length) = usize::try_from(self.length) {
            return Some((aligned, aligned + length));
        }
        // A value with a short header is not aligned: what would be padding is not zero.
        let is_short = self.length == -1 && *data.get(offset)? != 0;
        let start = if is_short { offset } else { aligned };
        let rest = data.get(start..).filter(|rest| !rest.is_empty())?;
        let length = if self.length == -1 {
            // SAFETY: the first byte says how many more belong to the header, and a row that the
            // server has formed has them.
            unsafe { crate::varlena::size(rest.as_ptr()) }
        } else {
            rest.iter().position(|byte| *byte == 0)? + 1
        };
        Some((start, start + length))
    }
}
