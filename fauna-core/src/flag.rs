//! Compiled flags. A document that cannot be used gives a flag that carries its error, so that it
//! harms nobody but itself.

use serde_json::{Map, Value as Json};

use crate::Timestamp;
use crate::bucket::Salt;
use crate::document::{self, DocumentError, Match, object, required, required_string};
use crate::serve::Serve;

/// A flag's document, compiled.
#[derive(Debug, Clone)]
pub struct Flag {
    key: Box<str>,
    kind: Option<FlagKind>,
    client_visible: bool,
    variants: Box<[Variant]>,
    off: Option<usize>,
    body: Result<Body, DocumentError>,
}

/// What evaluation walks through.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) enabled: bool,
    pub(crate) off: usize,
    pub(crate) salt: Salt,
    pub(crate) prerequisites: Box<[Prerequisite]>,
    pub(crate) rules: Box<[Rule]>,
    pub(crate) default: Serve,
}

#[derive(Debug, Clone)]
pub(crate) struct Prerequisite {
    pub(crate) flag: Box<str>,
    pub(crate) variants: Box<[Box<str>]>,
}

#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) id: Box<str>,
    pub(crate) active_from: Option<Timestamp>,
    pub(crate) active_until: Option<Timestamp>,
    pub(crate) matching: Match,
    pub(crate) audiences: Box<[RuleAudience]>,
    pub(crate) serve: Serve,
}

#[derive(Debug, Clone)]
pub(crate) struct RuleAudience {
    pub(crate) key: Box<str>,
    pub(crate) negate: bool,
}

/// One of the values a flag can have.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    key: Box<str>,
    index: usize,
    value: Json,
}

/// The type of a flag's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlagKind {
    /// true or false
    Boolean,
    /// text
    String,
    /// any JSON number
    Number,
    /// any JSON
    Json,
}

impl Flag {
    /// Compiles `document`. Never fails: see [`Flag::error`].
    pub fn from_document(key: &str, document: &Json) -> Self {
        let members = document.as_object();
        let variants = members.and_then(|members| variants(members).ok()).unwrap_or_default();
        let off = members.and_then(|members| off_variant(members, &variants).ok());
        Self {
            key: key.into(),
            kind: members.and_then(|members| FlagKind::compile(members).ok()),
            client_visible: members
                .and_then(|members| members.get("clientVisible")?.as_bool())
                .unwrap_or(false),
            body: Body::compile(key, document, &variants),
            variants,
            off,
        }
    }

    /// The key the flag was compiled under.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The type of its values, where the document says so.
    pub fn kind(&self) -> Option<FlagKind> {
        self.kind
    }

    /// Whether clients in a browser may see its value.
    pub fn client_visible(&self) -> bool {
        self.client_visible
    }

    /// Its variants, in the order of the document's JSON object.
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// Whether it is enabled. While it is not, or its document cannot be used, its result depends on nothing else.
    pub fn is_enabled(&self) -> bool {
        self.body.as_ref().is_ok_and(|body| body.enabled)
    }

    /// The flags that it requires.
    pub fn required_flags(&self) -> impl Iterator<Item = &str> {
        let body = self.body.as_ref().ok().into_iter();
        body.flat_map(|body| &body.prerequisites).map(|required| &*required.flag)
    }

    /// The ids of its rules, in the order in which they are tried.
    pub fn rule_ids(&self) -> impl Iterator<Item = &str> {
        let rules = self.body.as_ref().ok().into_iter().flat_map(|body| &body.rules);
        rules.map(|rule| &*rule.id)
    }

    /// The audiences that its rules name, some of them more than once.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let rules = self.body.as_ref().ok().into_iter().flat_map(|body| &body.rules);
        rules.flat_map(|rule| &rule.audiences).map(|audience| &*audience.key)
    }

    /// Why its document cannot be used; every evaluation is then `PARSE_ERROR`.
    pub fn error(&self) -> Option<&DocumentError> {
        self.body.as_ref().err()
    }

    pub(crate) fn body(&self) -> Result<&Body, &DocumentError> {
        self.body.as_ref()
    }

    /// The off variant, as far as a broken document lets it be known.
    pub fn off_variant(&self) -> Option<&Variant> {
        self.off.map(|off| &self.variants[off])
    }
}

impl Variant {
    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its place among the flag's [`variants`](Flag::variants).
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its value.
    pub fn value(&self) -> &Json {
        &self.value
    }
}

impl FlagKind {
    fn compile(flag: &Map<String, Json>) -> Result<Self, DocumentError> {
        match required_string(flag, "kind")? {
            "boolean" => Ok(Self::Boolean),
            "string" => Ok(Self::String),
            "number" => Ok(Self::Number),
            "json" => Ok(Self::Json),
            _ => Err(DocumentError::new("unknown").within("kind")),
        }
    }

    /// The name in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Number => "number",
            Self::Json => "json",
        }
    }
}

impl Body {
    fn compile(key: &str, document: &Json, compiled: &[Variant]) -> Result<Self, DocumentError> {
        let flag = object(document)?;
        FlagKind::compile(flag)?;
        variant_values(flag)?;
        let enabled = required(flag, "enabled")?.as_bool();
        let salt = document::optional_string(flag, "salt")?.unwrap_or(key);
        Ok(Self {
            enabled: enabled.ok_or_else(|| DocumentError::new("not a boolean").within("enabled"))?,
            off: off_variant(flag, compiled)?,
            salt: Salt::new(salt),
            prerequisites: document::each(flag, "prerequisites", Prerequisite::compile)?,
            rules: document::each(flag, "rules", |rule| Rule::compile(rule, compiled))?,
            default: Serve::compile(required(flag, "default")?, compiled).map_err(|e| e.within("default"))?,
        })
    }
}

impl Prerequisite {
    fn compile(prerequisite: &Json) -> Result<Self, DocumentError> {
        let prerequisite = object(prerequisite)?;
        required(prerequisite, "variants")?;
        Ok(Self {
            flag: required_string(prerequisite, "flag")?.into(),
            variants: document::each(prerequisite, "variants", |v| document::string(v).map(Box::from))?,
        })
    }
}

impl Rule {
    fn compile(rule: &Json, variants: &[Variant]) -> Result<Self, DocumentError> {
        let rule = object(rule)?;
        Ok(Self {
            id: required_string(rule, "id")?.into(),
            active_from: document::optional_timestamp(rule, "activeFrom")?,
            active_until: document::optional_timestamp(rule, "activeUntil")?,
            matching: Match::compile(rule)?,
            audiences: document::each(rule, "audiences", RuleAudience::compile)?,
            serve: Serve::compile(required(rule, "serve")?, variants).map_err(|e| e.within("serve"))?,
        })
    }

    /// Whether `now` lies in `[activeFrom, activeUntil)`.
    pub(crate) fn is_active(&self, now: Timestamp) -> bool {
        self.active_from.is_none_or(|from| from <= now) && self.active_until.is_none_or(|until| now < until)
    }
}

impl RuleAudience {
    fn compile(audience: &Json) -> Result<Self, DocumentError> {
        let audience = object(audience)?;
        Ok(Self {
            key: required_string(audience, "key")?.into(),
            negate: document::optional_bool(audience, "negate")?.unwrap_or(false),
        })
    }
}

fn variant_values(flag: &Map<String, Json>) -> Result<&Map<String, Json>, DocumentError> {
    object(required(flag, "variants")?).map_err(|error| error.within("variants"))
}

fn variants(flag: &Map<String, Json>) -> Result<Box<[Variant]>, DocumentError> {
    let variant = |(index, (key, value)): (usize, (&String, &Json))| Variant {
        key: key.as_str().into(),
        index,
        value: value.clone(),
    };
    Ok(variant_values(flag)?.iter().enumerate().map(variant).collect())
}

fn off_variant(flag: &Map<String, Json>, variants: &[Variant]) -> Result<usize, DocumentError> {
    let key = required_string(flag, "offVariant")?;
    position(variants, key).ok_or_else(|| DocumentError::new("no such variant").within("offVariant"))
}

pub(crate) fn position(variants: &[Variant], key: &str) -> Option<usize> {
    variants.iter().position(|variant| &*variant.key == key)
}
