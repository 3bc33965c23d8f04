//! Reading documents for the cache.

use pgrx::pg_sys;

use crate::catalog::Catalog;
use crate::compile::compile_document;
use crate::invalidation::note_own_changes_read;
use crate::scan::{self, Key, Row, Snapshot};

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

/// Reads one document: what the running transaction has made of it, else what the log has.
pub fn document(catalog: &Catalog, environment: &str, kind: Kind, key: &str) -> Loaded<Document> {
    with_tip(catalog, environment, |snapshot, tip| {
        if let Some(xid) = transaction_id() {
            let keys = [Key::Xid8(xid), Key::Text(environment), Key::Text(kind.as_str()), Key::Text(key)];
            let pending = scan::row(&catalog.pending, &keys, snapshot, |row| {
                note_own_changes_read();
                row.bytes(4).map(Box::from)
            });
            if let Some(document) = pending {
                return document;
            }
        }
        if tip.is_none() {
            return compiled(catalog, environment, kind, key);
        }
        let keys = [Key::Text(environment), Key::Text(kind.as_str()), Key::Text(key)];
        scan::row(&catalog.documents, &keys, snapshot, |row| {
            note_if_own(row);
            row.bytes(3).map(Box::from)
        })
        .flatten()
    })
}

/// Reads all documents of a kind, pending ones first: of two with the same key the first counts.
/// Without a log, what there is to compile is read one by one from the source tables' keys.
pub fn documents(catalog: &Catalog, environment: &str, kind: Kind) -> Loaded<Vec<(Box<str>, Document)>> {
    with_tip(catalog, environment, |snapshot, tip| {
        let mut documents = Vec::new();
        if let Some(xid) = transaction_id() {
            let keys = [Key::Xid8(xid), Key::Text(environment), Key::Text(kind.as_str())];
            scan::rows(&catalog.pending, &keys, snapshot, |row| {
                note_own_changes_read();
                documents.push((row.text(3).into(), row.bytes(4).map(Box::from)));
            });
        }
        if tip.is_none() {
            let mut keys: Vec<Box<str>> = Vec::new();
            let table = catalog.keys_of(kind);
            scan::rows(&table, &[], snapshot, |row| keys.push(row.text(0).into()));
            for key in keys {
                let document = compiled(catalog, environment, kind, &key);
                documents.push((key, document));
            }
            return documents;
        }
        let keys = [Key::Text(environment), Key::Text(kind.as_str())];
        scan::rows(&catalog.documents, &keys, snapshot, |row| {
            note_if_own(row);
            documents.push((row.text(2).into(), row.bytes(3).map(Box::from)));
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
