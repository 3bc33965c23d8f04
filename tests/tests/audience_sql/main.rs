//! An audience as a `WHERE` predicate: that it means the same as evaluating every row, that indexes serve it, what is
//! refused, and who may ask.
// What asks for the tests stops them, loudly, as they do themselves.
#![allow(clippy::expect_used, clippy::panic)]

mod audiences;
mod counting;
mod equivalence;
mod people;
mod plans;
mod refusals;
mod words;
