//! Variable-length values (text, jsonb) as PostgreSQL hands them over, read where they lie.
//!
//! A value in a tuple can be plain, short (one-byte header, unaligned), compressed or out of line.
//! The first two are the common ones and are borrowed as they are; only the others are fetched
//! into palloc'd memory. Nothing here needs alignment.

use std::marker::PhantomData;
use std::slice;

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::{Datum, FromDatum, IntoDatum};
use pgrx::{impl_sql_translatable, pg_sys, varlena};

/// How a value begins.
enum Header {
    /// One byte, with the length of all.
    Short(usize),
    /// Four bytes, with the length of all.
    Long(usize),
    /// Compressed or out of line.
    Elsewhere,
}

impl Header {
    /// Reads it, at any address: in an array with a short header nothing is aligned.
    ///
    /// # Safety
    /// `value` points to a value of a variable-length type.
    #[inline]
    unsafe fn read(value: *const u8) -> Self {
        const EXTERNAL: u8 = if cfg!(target_endian = "little") { 0x01 } else { 0x80 };
        // SAFETY: the first byte says whether there are three more.
        unsafe {
            let first = value.read();
            let word = || value.cast::<u32>().read_unaligned();
            if first == EXTERNAL {
                Self::Elsewhere
            } else if cfg!(target_endian = "little") {
                match first & 0b11 {
                    0b00 => Self::Long((word() >> 2) as usize),
                    0b10 => Self::Elsewhere,
                    _ => Self::Short(usize::from(first >> 1)),
                }
            } else {
                match first >> 6 {
                    0b00 => Self::Long((word() & 0x3FFF_FFFF) as usize),
                    0b01 => Self::Elsewhere,
                    _ => Self::Short(usize::from(first & 0x7F)),
                }
            }
        }
    }
}

/// How many bytes a value takes where it lies, its header included.
///
/// # Safety
/// `value` points to a value of a variable-length type.
pub unsafe fn size(value: *const u8) -> usize {
    // SAFETY: as the caller says; what is out of line has a short header, which is not aligned.
    unsafe {
        match Header::read(value) {
            Header::Short(size) | Header::Long(size) => size,
            Header::Elsewhere => varlena::varsize_any(value.cast()),
        }
    }
}

/// The bytes of a variable-length value, without its header.
///
/// # Safety
/// `datum` must be a non-null value of a variable-length type that stays where it is for `'a`.
#[inline]
pub unsafe fn payload<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: the caller vouches for the pointer, and the header for the length.
    unsafe {
        let value = datum.cast_mut_ptr::<u8>();
        match Header::read(value) {
            Header::Short(size) => slice::from_raw_parts(value.add(1), size - 1),
            Header::Long(size) => slice::from_raw_parts(value.add(pg_sys::VARHDRSZ), size - pg_sys::VARHDRSZ),
            Header::Elsewhere => payload(fetched(datum)),
        }
    }
}

/// The bytes of a variable-length value with its header, whichever of the two it has.
///
/// # Safety
/// As for [`payload`].
pub unsafe fn detoasted<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: as in `payload`.
    unsafe {
        let value = datum.cast_mut_ptr::<u8>();
        match Header::read(value) {
            Header::Short(size) | Header::Long(size) => slice::from_raw_parts(value, size),
            Header::Elsewhere => detoasted(fetched(datum)),
        }
    }
}

/// [`payload`] where the server's own functions are to find what is inside aligned, as in an array.
///
/// # Safety
/// As for [`payload`].
pub unsafe fn aligned_payload<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: as in `payload`; the server copies what has a short header.
    unsafe { payload(pg_sys::Datum::from(pg_sys::pg_detoast_datum(datum.cast_mut_ptr()))) }
}

/// A copy of what is compressed or out of line, that is neither.
#[cold]
unsafe fn fetched(datum: pg_sys::Datum) -> pg_sys::Datum {
    // SAFETY: as in `payload`; the copy lives as long as the memory context of the call, as the value itself.
    unsafe { pg_sys::Datum::from(pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr())) }
}

/// Copies `bytes` into a new variable-length value in the current memory context.
pub fn to_datum(bytes: &[u8]) -> pg_sys::Datum {
    let size = bytes.len() + pg_sys::VARHDRSZ;
    // SAFETY: palloc gives `size` writable bytes or raises; values are far below 1 GB, the limit
    // of the header and of palloc alike.
    unsafe {
        let value = pg_sys::palloc(size).cast::<pg_sys::varlena>();
        varlena::set_varsize_4b(value, i32::try_from(size).unwrap_or(i32::MAX));
        bytes.as_ptr().copy_to_nonoverlapping(value.cast::<u8>().add(pg_sys::VARHDRSZ), bytes.len());
        pg_sys::Datum::from(value)
    }
}

/// A `text` argument, borrowed.
#[derive(Clone, Copy)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The text. Bytes that are not UTF-8 read as empty text, which is no key: the extension lives
    /// in UTF-8 databases only, where the server lets no such bytes in.
    pub fn as_str(self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_default()
    }
}

impl FromDatum for Text<'_> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        // SAFETY: the function is declared to take `text` here.
        (!is_null).then(|| Self(unsafe { payload(datum) }))
    }
}

/// A value passed through or returned as it is; `T` says of which SQL type.
pub struct Opaque<T>(pg_sys::Datum, PhantomData<T>);

/// Marks an [`Opaque`] as `text`.
pub enum IsText {}

/// Marks an [`Opaque`] as `jsonb`.
pub enum IsJsonb {}

impl Opaque<IsText> {
    /// A new `text` value in the current memory context.
    pub fn text(text: &str) -> Self {
        Self(to_datum(text.as_bytes()), PhantomData)
    }
}

impl Opaque<IsJsonb> {
    /// A new `jsonb` value in the current memory context, from its binary form.
    pub fn jsonb(bytes: &[u8]) -> Self {
        Self(to_datum(bytes), PhantomData)
    }

    /// A new `jsonb` value from any JSON; `None` for what jsonb cannot hold, a zero character.
    pub fn json(value: serde_json::Value) -> Option<Self> {
        if holds_zero(&value) {
            return None;
        }
        pgrx::JsonB(value).into_datum().map(|datum| Self(datum, PhantomData))
    }
}

fn holds_zero(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(elements) => elements.iter().any(holds_zero),
        serde_json::Value::Object(members) => {
            members.iter().any(|(key, value)| key.contains('\0') || holds_zero(value))
        }
        _ => false,
    }
}

impl IntoDatum for Opaque<IsJsonb> {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

impl<T> FromDatum for Opaque<T> {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        (!is_null).then_some(Self(datum, PhantomData))
    }
}

// SAFETY: returns a value of the type that the SQL declaration gives.
unsafe impl<T> BoxRet for Opaque<T> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: the datum was an argument of this call, or was made in its memory context.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

/// Lets a type that can be read from a datum be an argument of a native function.
macro_rules! argument {
    ($type:ty) => {
        // SAFETY: the SQL declaration generated from the type's mapping names the type it reads.
        unsafe impl<'fcx> pgrx::callconv::ArgAbi<'fcx> for $type {
            unsafe fn unbox_arg_unchecked(arg: pgrx::callconv::Arg<'_, 'fcx>) -> Self {
                // SAFETY: see above. Never null: a null argument arrives as `Option::None`.
                unsafe { arg.unbox_arg_using_from_datum().unwrap_unchecked() }
            }
        }
    };
}
pub(crate) use argument;

argument!(Text<'fcx>);

// SAFETY: as in `argument!`.
unsafe impl<'fcx, T> ArgAbi<'fcx> for Opaque<T> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: never null: a null argument arrives as `Option::None`.
        unsafe { arg.unbox_arg_using_from_datum().unwrap_unchecked() }
    }
}

impl_sql_translatable!(Text<'_>, "text");
impl_sql_translatable!(Opaque<IsText>, "text");
impl_sql_translatable!(Opaque<IsJsonb>, "jsonb");
