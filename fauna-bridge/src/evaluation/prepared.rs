//! A compiled flag with all that an answer may say of it, already written.
//!
//! An answer is then a copy of a few pieces: no value is serialised per request.

use fauna_core::{Flag, Variant};
use serde_json::Value;

/// A flag, ready to be evaluated and answered.
#[derive(Debug)]
pub struct PreparedFlag {
    flag: Flag,
    key: Box<[u8]>,
    /// By a variant's index.
    variants: Box<[Box<[u8]>]>,
}

impl PreparedFlag {
    /// Compiles a document. It never fails, as [`Flag::from_document`] does not.
    pub fn from_document(key: &str, document: &Value) -> Self {
        let flag = Flag::from_document(key, document);
        let variants = flag.variants().iter().map(members).collect();
        let key = Value::from(key).to_string().into_bytes().into();
        Self { flag, key, variants }
    }

    /// The flag.
    pub fn flag(&self) -> &Flag {
        &self.flag
    }

    /// Its key as JSON.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// `"value":…,"variant":…` of a variant.
    pub fn variant(&self, variant: &Variant) -> &[u8] {
        self.variants.get(variant.index()).map_or(&[], |members| members)
    }
}

/// Without a line feed: `serde_json` writes none, and escapes those in text.
fn members(variant: &Variant) -> Box<[u8]> {
    let members = format!(r#""value":{},"variant":{}"#, variant.value(), Value::from(variant.key()));
    members.into_bytes().into()
}
