//! An audience as a `WHERE` predicate over a table's columns.
//!
//! `fauna.in_audience_row` has to be asked for every row. What an audience asks of columns is mostly what SQL can say
//! itself (`country = ANY ('{CA,US}')`, `age >= 18`), and said so, indexes serve it and statistics foresee it. Here a
//! document is turned into such a predicate: each condition either into SQL that holds for exactly the same values, or,
//! where there is none, into a call of `fauna.condition_holds` for just that condition.
//!
//! Four things are kept everywhere:
//!
//! * It is true in exactly the rows of the audience. In the others it is false, or null where a column is, as what one
//!   writes by hand: saying `IS NOT NULL` of each column took up to a tenth more time, as PostgreSQL tests that first, and
//!   has its estimates count nulls twice. Below a negation it is said, so that parts can be negated and combined at will.
//! * It means the same whoever runs it: names and values are quoted, literals do not depend on `DateStyle`,
//!   `TimeZone` or `standard_conforming_strings`, and operators are those of the server whatever schemas with operators of
//!   their own come after `pg_catalog` in the `search_path` (an operator for exactly the types at hand is taken first,
//!   and a literal of unknown type is taken to be of the other side's type).
//! * An index on the bare column can serve it wherever the comparison has an order or equality that indexes know.
//! * It speaks of the table as it is now: labels that an enum gains later are not in it.

mod attribute;
mod audience;
mod class;
mod collection;
mod condition;
mod decimal;
mod enumeration;
mod instant;
mod number;
mod relation;
mod sql;
mod text;

pub use audience::{Problem, Subject, predicate};
pub use condition::{ATTRIBUTE, Compiled};
