//! What has to be known of a row's type to read its rows, kept for each call site.
//!
//! A call site is one place in one running plan; the server gives it a memory of its own
//! (`fn_extra`), in which the shape of the type last seen there is kept. Almost always that is the
//! only one. A change of the type (ALTER TABLE between two calls) is noticed by the number that the
//! server's type cache gives every version of a descriptor.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;

use pgrx::{PgTupleDesc, pg_sys};
use rustc_hash::FxBuildHasher;

use super::field::Field;
use super::kind::Kind;
use super::labels;
use super::tuple::{Layout, RowType, Tuple};
use crate::call_site;

/// A row type's columns.
pub struct Shape {
    row_type: RowType,
    version: Version,
    /// As [`labels::changes`] counts them.
    label_changes: u64,
    columns: Box<[Column]>,
    positions: HashMap<Box<str>, usize, FxBuildHasher>,
    /// Lent to the one row that is evaluated.
    ends: Cell<Vec<usize>>,
}

/// A column: of what kind its values are, and how they lie in the row.
pub struct Column {
    kind: Kind,
    layout: Layout,
}

/// Which version of a named type's descriptor a shape was made from. Anonymous ones never change.
enum Version {
    Anonymous,
    Named { entry: *mut pg_sys::TypeCacheEntry, number: u64 },
}

/// A shape, and how far the row has been walked.
///
/// To find a field, all before it have to be walked past, so where each ends is noted.
pub struct ShapeInUse {
    shape: Rc<Shape>,
    ends: RefCell<Vec<usize>>,
}

#[derive(Default)]
struct CallSite(RefCell<Option<Rc<Shape>>>);

/// The shape of `row_type`, from the call site's memory if it is there.
///
/// # Safety
/// `fcinfo` is that of the running call, of a function that keeps nothing else in `fn_extra`.
pub unsafe fn of_call_site(fcinfo: pg_sys::FunctionCallInfo, row_type: RowType) -> ShapeInUse {
    // SAFETY: as the caller says.
    let site = unsafe { call_site::kept(fcinfo, |_| true, |_| CallSite::default()) };
    let kept = site.0.borrow().as_ref().filter(|shape| shape.is_of(row_type)).map(Rc::clone);
    let shape = kept.unwrap_or_else(|| {
        let shape = Rc::new(Shape::new(row_type));
        site.0.replace(Some(Rc::clone(&shape)));
        shape
    });
    let mut ends = shape.ends.take();
    ends.clear();
    ShapeInUse { shape, ends: RefCell::new(ends) }
}

impl Shape {
    #[cold]
    fn new(row_type: RowType) -> Self {
        let RowType { id, typmod } = row_type;
        let label_changes = labels::changes();
        // SAFETY: looks a row's own type up; the descriptor is released when it is dropped. The
        // version is that of the same descriptor, for nothing is invalidated between.
        let (descriptor, version) = unsafe {
            let descriptor = PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(id, typmod));
            let version = if id == pg_sys::RECORDOID {
                Version::Anonymous
            } else {
                let entry = pg_sys::lookup_type_cache(id, pg_sys::TYPECACHE_TUPDESC.cast_signed());
                Version::Named { entry, number: (*entry).tupDesc_identifier }
            };
            (descriptor, version)
        };
        let mut positions = HashMap::default();
        let mut columns = Vec::with_capacity(descriptor.len());
        for (index, attribute) in descriptor.iter().enumerate() {
            let layout = Layout::new(attribute.attlen, attribute.attbyval, attribute.attalign);
            let kind = if attribute.attisdropped {
                Kind::Opaque
            } else {
                // SAFETY: a name ends with a zero byte.
                let name = unsafe { std::ffi::CStr::from_ptr(attribute.attname.data.as_ptr()) };
                positions.entry(name.to_string_lossy().into()).or_insert(index);
                Kind::of(attribute.atttypid)
            };
            columns.push(Column { kind, layout });
        }
        Self { row_type, version, label_changes, columns: columns.into(), positions, ends: Cell::default() }
    }

    fn is_of(&self, row_type: RowType) -> bool {
        self.row_type == row_type
            && self.label_changes == labels::changes()
            && match self.version {
                Version::Anonymous => true,
                // SAFETY: entries of the type cache stay where they are until the backend ends.
                Version::Named { entry, number } => unsafe { (*entry).tupDesc_identifier == number },
            }
    }

    /// How many columns there are, dropped ones included.
    pub fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// The place of the column with this name; of several in an anonymous record the first.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }
}

impl ShapeInUse {
    /// The shape of a row type, for one row.
    pub fn new(row_type: RowType) -> Self {
        Self { shape: Rc::new(Shape::new(row_type)), ends: RefCell::default() }
    }

    /// A column's value; `None` if it is null.
    pub fn field<'a>(&'a self, tuple: &'a Tuple<'_>, index: usize) -> Option<Field<'a>> {
        let column = &self.shape.columns[index];
        let datum = column.layout.datum(self.locate(tuple, index)?);
        // SAFETY: the row is of the shape's type, so the value is of the column's, and lies in the row.
        Some(unsafe { Field::new(&column.kind, datum) })
    }

    /// The bytes of a column's value.
    fn locate<'a>(&self, tuple: &Tuple<'a>, index: usize) -> Option<&'a [u8]> {
        let has_nulls = tuple.has_nulls();
        if has_nulls && tuple.is_null(index) {
            return None;
        }
        let mut ends = self.ends.borrow_mut();
        let mut end = ends.last().copied().unwrap_or_default();
        let data = tuple.data();
        for (passed, column) in self.shape.columns.iter().enumerate().take(index).skip(ends.len()) {
            if !(has_nulls && tuple.is_null(passed)) {
                (_, end) = column.layout.locate(data, end)?;
            }
            ends.push(end);
        }
        let before = index.checked_sub(1).map_or(0, |previous| ends[previous]);
        let (start, end) = self.shape.columns[index].layout.locate(data, before)?;
        data.get(start..end)
    }
}

impl Deref for ShapeInUse {
    type Target = Shape;

    fn deref(&self) -> &Shape {
        &self.shape
    }
}

impl Drop for ShapeInUse {
    fn drop(&mut self) {
        self.shape.ends.set(self.ends.take());
    }
}
