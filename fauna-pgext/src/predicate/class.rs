//! What can be said in SQL about values of a type.

use std::ffi::CStr;

use pgrx::pg_sys;

use super::enumeration;

/// A column's type, as far as conditions on it can be written in SQL.
#[derive(Debug)]
pub enum Class {
    Boolean,
    Integer {
        min: i64,
        max: i64,
    },
    /// `real`
    Single,
    /// `double precision`
    Double,
    Numeric(Precision),
    /// What equals another value exactly if their bytes do, or, with the operator here, also otherwise.
    Text {
        /// Of equality as indexes have it, where that is a looser one.
        looser: Option<String>,
        is_bytewise: bool,
    },
    Name,
    /// `char(n)`, filled with spaces to a length in characters.
    Character {
        length: usize,
    },
    Enum(Vec<String>),
    Uuid,
    Instant(Instant),
    Jsonb,
    Array(Box<Class>),
    /// Composite types and `json`: what exists and matches nothing.
    Composite,
    /// Anything else. Only evaluation knows.
    Other,
}

/// How a numeric column's values relate to the doubles that they count as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// At most 15 digits: different values are different doubles, in the same order.
    Exact,
    /// All of them in the range of doubles.
    InRange,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instant {
    Date,
    Timestamp,
    Timestamptz,
}

/// A type with what a column adds to it.
#[derive(Debug, Clone, Copy)]
pub struct ColumnType {
    pub id: pg_sys::Oid,
    pub modifier: i32,
    pub collation: pg_sys::Oid,
}

/// A class, and the name of the type that a column of it has to be cast to, if it has to.
#[derive(Debug)]
pub struct Classified {
    pub class: Class,
    pub cast: Option<String>,
}

/// Digits of which a double keeps every decimal (`DBL_DIG`).
pub const EXACT_DIGITS: usize = 15;

/// What type modifiers of variable-length types are counted from (`VARHDRSZ`).
const HEADER: i32 = 4;

/// Powers of ten in which these are, and small ones are no denormal doubles.
const SAFE_EXPONENT: i32 = 300;

impl Classified {
    pub fn of(column: ColumnType) -> Self {
        let mut base = column;
        // SAFETY: looks up a type that exists, being that of a column.
        base.id = unsafe { pg_sys::getBaseTypeAndTypmod(column.id, &raw mut base.modifier) };
        let is_domain = base.id != column.id;
        let class = Class::of(base);
        let cast = match &class {
            // Operators are those of the base type, and of text itself.
            Class::Text { .. } if column.id != pg_sys::TEXTOID => Some("text".to_owned()),
            // The unadorned name of the first means char(1), and polymorphic operators want no domain.
            Class::Character { .. } | Class::Array(_) if is_domain => {
                return Self { class: Class::Other, cast: None };
            }
            Class::Composite | Class::Other => None,
            _ => is_domain.then(|| type_name(base.id)),
        };
        Self { class, cast }
    }
}

impl Class {
    fn of(column: ColumnType) -> Self {
        match column.id {
            pg_sys::BOOLOID => Self::Boolean,
            pg_sys::INT2OID => Self::Integer { min: i16::MIN.into(), max: i16::MAX.into() },
            pg_sys::INT4OID => Self::Integer { min: i32::MIN.into(), max: i32::MAX.into() },
            pg_sys::INT8OID => Self::Integer { min: i64::MIN, max: i64::MAX },
            pg_sys::FLOAT4OID => Self::Single,
            pg_sys::FLOAT8OID => Self::Double,
            pg_sys::NUMERICOID => Self::Numeric(Precision::of(column.modifier)),
            pg_sys::NAMEOID => Self::Name,
            pg_sys::BPCHAROID => match usize::try_from(column.modifier - HEADER) {
                Ok(length) if column.is_bytewise() => Self::Character { length },
                _ => Self::Other,
            },
            pg_sys::UUIDOID => Self::Uuid,
            pg_sys::DATEOID => Self::Instant(Instant::Date),
            pg_sys::TIMESTAMPOID => Self::Instant(Instant::Timestamp),
            pg_sys::TIMESTAMPTZOID => Self::Instant(Instant::Timestamptz),
            pg_sys::JSONBOID => Self::Jsonb,
            pg_sys::JSONOID => Self::Composite,
            _ => Self::of_other(column),
        }
    }

    fn of_other(column: ColumnType) -> Self {
        let ColumnType { id, .. } = column;
        // SAFETY: lookups of a type that exists.
        unsafe {
            let element = pg_sys::get_element_type(id);
            if element != pg_sys::Oid::INVALID {
                // An element is not cast to anything, so it has to be of a base type.
                return match Classified::of(ColumnType { id: element, ..column }) {
                    Classified { class: Self::Character { .. }, .. } => Self::Other,
                    Classified { class, cast: None } => Self::Array(Box::new(class)),
                    Classified { class: class @ Self::Text { .. }, .. } if element == pg_sys::VARCHAROID => {
                        Self::Array(Box::new(class))
                    }
                    Classified { .. } => Self::Other,
                };
            }
            if pg_sys::type_is_enum(id) {
                return Self::Enum(enumeration::labels(id));
            }
            if pg_sys::type_is_rowtype(id) {
                return Self::Composite;
            }
            if id == pg_sys::TEXTOID || pg_sys::IsBinaryCoercible(id, pg_sys::TEXTOID) {
                let is_own = id == pg_sys::TEXTOID || id == pg_sys::VARCHAROID;
                let looser = if is_own {
                    (!column.is_bytewise()).then(|| "=".to_owned())
                } else {
                    equality_operator(id)
                };
                return Self::Text { looser, is_bytewise: column.is_bytewise() };
            }
        }
        Self::Other
    }
}

impl ColumnType {
    /// Whether its values are equal exactly if their bytes are.
    fn is_bytewise(self) -> bool {
        // SAFETY: looks up a collation that exists, being that of a column.
        self.collation == pg_sys::Oid::INVALID
            || unsafe { pg_sys::get_collation_isdeterministic(self.collation) }
    }
}

impl Precision {
    /// By what `numeric(precision, scale)` is kept as (`src/backend/utils/adt/numeric.c`).
    fn of(modifier: i32) -> Self {
        let Some(modifier) = modifier.checked_sub(HEADER).filter(|modifier| *modifier >= 0) else {
            return Self::Any;
        };
        let precision = modifier >> 16 & 0xFFFF;
        let scale = ((modifier & 0x7FF) ^ 1024) - 1024;
        let is_safe = scale <= SAFE_EXPONENT && precision - scale <= SAFE_EXPONENT;
        if is_safe && usize::try_from(precision).is_ok_and(|digits| digits <= EXACT_DIGITS) {
            Self::Exact
        } else if is_safe {
            Self::InRange
        } else {
            Self::Any
        }
    }
}

/// The name of a type, with its schema if it is not a type of the server's own.
fn type_name(id: pg_sys::Oid) -> String {
    // SAFETY: looks up a type that exists; the result is a string in the memory of the call.
    unsafe { CStr::from_ptr(pg_sys::format_type_be_qualified(id)) }.to_string_lossy().into_owned()
}

/// The operator by which a type's indexes find equal values, as `OPERATOR(schema.=)`.
///
/// # Safety
/// A type that exists.
unsafe fn equality_operator(id: pg_sys::Oid) -> Option<String> {
    // SAFETY: entries of the type cache stay; the operator exists, and so does its string.
    let description = unsafe {
        let operator = (*pg_sys::lookup_type_cache(id, pg_sys::TYPECACHE_EQ_OPR.cast_signed())).eq_opr;
        if operator == pg_sys::Oid::INVALID {
            return None;
        }
        CStr::from_ptr(pg_sys::format_operator_qualified(operator)).to_string_lossy().into_owned()
    };
    // `schema.=(schema.type,schema.type)`
    description.split_once(".=(").map(|(schema, _)| format!("OPERATOR({schema}.=)"))
}
