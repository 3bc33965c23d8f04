//! Reading documents for the cache.

use pgrx::pg_sys;

use crate::catalog::Catalog;
use crate::compile::compile_document;
use crate::invalidation::note_own_changes_read;
use crate::scan::{self, Key, Row, Snapshot, Version};

/// The kinds of document that evaluation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Flag,
    Audience,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Audience => "audience",
        }
    }
}

/// The configuration that a document was read from: the tip of the environment's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    pub epoch: [u8; 16],
    pub revision: i64,
}

/// A document in binary jsonb; `None` if it does not exist.
pub type Document = Option<Box<[u8]>>;

/// A document as it was found; `K` is what the caller has of one that it knows.
pub enum Found<K> {
    /// The row is in the version that the caller knows, and was not read.
    Known(K),
    /// The document, and the version of its row; none if it comes from none, or from one of the running transaction's own.
    Read(Document, Option<Version>),
}

/// What was read, and from which configuration; without one there is no log yet.
pub struct Loaded<T> {
    pub tip: Option<Tip>,
    pub what: T,
}

/// Reads with one snapshot, and with the tip as that snapshot has it.
fn with_tip<T>(
    catalog: &Catalog,
    environment: &str,
    read: impl FnOnce(&Snapshot, Option<Tip>) -> T,
) -> Loaded<T> {
    Snapshot::with(catalog.documents.id, |snapshot| {
        let tip = head(catalog, environment, snapshot);
        Loaded { tip, what: read(snapshot, tip) }
    })
}

fn head(catalog: &Catalog, environment: &str, snapshot: &Snapshot) -> Option<Tip> {
    scan::row(&catalog.heads, &[Key::Text(environment)], snapshot, |head| {
        note_if_own(head);
        Tip { epoch: head.uuid(1), revision: head.integer(2) }
    })
}

/// Whether the snapshot of the running statement sees a newer configuration than this.
pub fn is_superseded(tip: Option<Tip>, catalog: &Catalog, environment: &str) -> bool {
    let Some(snapshot) = Snapshot::active() else { return true };
    match (tip, head(catalog, environment, &snapshot)) {
        (Some(tip), Some(seen)) => seen.epoch != tip.epoch || seen.revision > tip.revision,
        (tip, seen) => tip != seen,
    }
}

/// Reads only the tip.
pub fn tip(catalog: &Catalog, environment: &str) -> Option<Tip> {
    with_tip(catalog, environment, |_, _| ()).tip
}

/// Reads one document: what the running transaction has made of it, else what the log has. Of that the caller is
/// asked first whether it knows it.
pub fn document<K>(
    catalog: &Catalog,
    environment: &str,
    kind: Kind,
    key: &str,
    mut take_known: impl FnMut(Option<Version>) -> Option<K>,
) -> Loaded<Found<K>> {
    with_tip(catalog, environment, |snapshot, tip| {
        if let Some(xid) = transaction_id() {
            let keys = [Key::Xid8(xid), Key::Text(environment), Key::Text(kind.as_str()), Key::Text(key)];
            let pending = scan::row(&catalog.pending, &keys, snapshot, |row| {
                note_own_changes_read();
                row.bytes(4).map(Box::from)
            });
            if let Some(document) = pending {
                return Found::Read(document, None);
            }
        }
        if tip.is_none() {
            return Found::Read(compiled(catalog, environment, kind, key), None);
        }
        let keys = [Key::Text(environment), Key::Text(kind.as_str()), Key::Text(key)];
        let found = scan::row(&catalog.documents, &keys, snapshot, |row| found(row, &mut take_known));
        found.unwrap_or(Found::Read(None, None))
    })
}

/// Reads a row of the log, unless the caller knows it.
fn found<K>(row: &Row<'_, 4>, mut take_known: impl FnMut(Option<Version>) -> Option<K>) -> Found<K> {
    note_if_own(row);
    let version = row.version();
    take_known(version).map_or_else(|| Found::Read(row.bytes(3).map(Box::from), version), Found::Known)
}

/// Reads all documents of a kind in the same way, pending ones first: of two with the same key the first counts.
/// Without a log, what there is to compile is read one by one from the source tables' keys.
pub fn documents<K>(
    catalog: &Catalog,
    environment: &str,
    kind: Kind,
    mut take_known: impl FnMut(&str, Option<Version>) -> Option<K>,
) -> Loaded<Vec<(Box<str>, Found<K>)>> {
    with_tip(catalog, environment, |snapshot, tip| {
        let mut documents = Vec::new();
        if let Some(xid) = transaction_id() {
            let keys = [Key::Xid8(xid), Key::Text(environment), Key::Text(kind.as_str())];
            scan::rows(&catalog.pending, &keys, snapshot, |row| {
                note_own_changes_read();
                documents.push((row.text(3).into(), Found::Read(row.bytes(4).map(Box::from), None)));
            });
        }
        if tip.is_none() {
            let mut keys: Vec<Box<str>> = Vec::new();
            let table = catalog.keys_of(kind);
            scan::rows(&table, &[], snapshot, |row| keys.push(row.text(0).into()));
            for key in keys {
                let document = compiled(catalog, environment, kind, &key);
                documents.push((key, Found::Read(document, None)));
            }
            return documents;
        }
        let keys = [Key::Text(environment), Key::Text(kind.as_str())];
        scan::rows(&catalog.documents, &keys, snapshot, |row| {
            let key = row.text(2);
            documents.push((key.into(), found(row, |version| take_known(key, version))));
        });
        documents
    })
}

/// Compiles a document from the source tables, of which this transaction may have written any.
fn compiled(catalog: &Catalog, environment: &str, kind: Kind, key: &str) -> Document {
    if transaction_id().is_some() {
        note_own_changes_read();
    }
    compile_document(catalog, environment, kind, key)
}

/// The id under which the running transaction's changes are kept; none if it has made none.
fn transaction_id() -> Option<u64> {
    // SAFETY: reads backend-local state.
    let xid = unsafe { pg_sys::GetTopFullTransactionIdIfAny() }.value;
    (xid != 0).then_some(xid)
}

fn note_if_own<const N: usize>(row: &Row<'_, N>) {
    if row.is_own() {
        note_own_changes_read();
    }
}
