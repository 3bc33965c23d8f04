//! Of what kind the values of a column are, as an attribute.

use pgrx::pg_sys;

use super::labels::Labels;
use super::tuple::Layout;

/// How to read a column's values.
#[derive(Debug)]
pub enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    /// `text`, and what is stored as it is: `varchar`, `char(n)`, `citext`.
    Text,
    Name,
    Date,
    /// With or without time zone; without, it is taken to be in UTC.
    Timestamp,
    Uuid,
    Jsonb,
    Enum(Labels),
    Array(Box<Element>),
    /// Any other type, with its output function: the text that it prints as, which is what `to_jsonb` makes of it.
    Printed(pg_sys::Oid),
    /// What is an object in JSON, or could be: exists, and matches nothing.
    Opaque,
}

/// What an array has elements of.
#[derive(Debug)]
pub struct Element {
    pub kind: Kind,
    pub layout: Layout,
}

impl Kind {
    /// The kind of a type; a domain is of the kind of what it restricts.
    pub fn of(type_id: pg_sys::Oid) -> Self {
        // SAFETY: lookups of a type that exists, being that of a column.
        unsafe {
            let type_id = pg_sys::getBaseType(type_id);
            Self::of_scalar(type_id).unwrap_or_else(|| match pg_sys::get_element_type(type_id) {
                pg_sys::Oid::INVALID => Self::of_other(type_id),
                element => Self::Array(Box::new(Element::of(element))),
            })
        }
    }

    fn of_scalar(type_id: pg_sys::Oid) -> Option<Self> {
        Some(match type_id {
            pg_sys::BOOLOID => Self::Bool,
            pg_sys::INT2OID => Self::Int2,
            pg_sys::INT4OID => Self::Int4,
            pg_sys::INT8OID => Self::Int8,
            pg_sys::FLOAT4OID => Self::Float4,
            pg_sys::FLOAT8OID => Self::Float8,
            pg_sys::NUMERICOID => Self::Numeric,
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Self::Text,
            pg_sys::NAMEOID => Self::Name,
            pg_sys::DATEOID => Self::Date,
            pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID => Self::Timestamp,
            pg_sys::UUIDOID => Self::Uuid,
            pg_sys::JSONBOID => Self::Jsonb,
            pg_sys::JSONOID => Self::Opaque,
            _ => return None,
        })
    }

    /// # Safety
    /// A type that exists.
    unsafe fn of_other(type_id: pg_sys::Oid) -> Self {
        // SAFETY: the caller vouches for the type.
        unsafe {
            if pg_sys::type_is_rowtype(type_id) || has_cast_to_json(type_id) {
                return Self::Opaque;
            }
            // citext, wherever it is installed.
            if pg_sys::IsBinaryCoercible(type_id, pg_sys::TEXTOID) {
                return Self::Text;
            }
            if pg_sys::type_is_enum(type_id) {
                return Self::Enum(Labels::default());
            }
            let (mut output, mut is_varlena) = (pg_sys::Oid::INVALID, false);
            pg_sys::getTypeOutputInfo(type_id, &raw mut output, &raw mut is_varlena);
            Self::Printed(output)
        }
    }
}

impl Element {
    /// # Safety
    /// A type that exists.
    unsafe fn of(type_id: pg_sys::Oid) -> Self {
        let (mut length, mut is_by_value, mut letter) = (0, false, 0);
        // SAFETY: the caller vouches for the type.
        unsafe {
            pg_sys::get_typlenbyvalalign(type_id, &raw mut length, &raw mut is_by_value, &raw mut letter);
        }
        Self { kind: Kind::of(type_id), layout: Layout::new(length, is_by_value, letter) }
    }
}

/// Whether `to_jsonb` asks a cast to json, as hstore brings one, rather than the output function.
///
/// # Safety
/// A type that exists.
unsafe fn has_cast_to_json(type_id: pg_sys::Oid) -> bool {
    if type_id.to_u32() < pg_sys::FirstNormalObjectId {
        return false;
    }
    let mut function = pg_sys::Oid::INVALID;
    // SAFETY: the caller vouches for the type.
    let path = unsafe {
        pg_sys::find_coercion_pathway(
            pg_sys::JSONOID,
            type_id,
            pg_sys::CoercionContext::COERCION_EXPLICIT,
            &raw mut function,
        )
    };
    path == pg_sys::CoercionPathType::COERCION_PATH_FUNC
}
