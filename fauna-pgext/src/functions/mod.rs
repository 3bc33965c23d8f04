//! The functions a user calls.
//!
//! All take SQL nulls and never raise for what they are given: an unknown flag, a context that is
//! no object or no JSON at all, or a null in either's place, is an error *in the result* (or the
//! fallback). They raise only if the extension itself is broken.
//!
//! Every function that takes a context has a twin without, which uses the setting `fauna.context`.
//! Two functions and not a default, because a null context that is given is an invalid one and
//! must never fall back to the session's.

mod audience;
mod boolean;
mod condition;
mod evaluation;
mod explain;
mod outcome;
mod predicate;
mod row;
mod stats;
mod value;
