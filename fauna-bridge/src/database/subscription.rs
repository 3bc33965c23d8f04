//! Whether what is in the tables can be trusted to be whole, on a logical subscriber.
//!
//! A subscription copies its tables one by one, so at first there may be heads without their documents, or documents without
//! all that belongs to them. Only when both tables are in state `r` does every transaction arrive as one. A database that
//! subscribes to neither is always whole.
//!
//! The condition is part of each query that reads, so that it holds of the very snapshot that is read.

/// An SQL expression: whether `fauna.heads` and `fauna.documents` are what a transaction left behind.
macro_rules! is_whole {
    () => {
        "(SELECT count(*) = 0 OR bool_and(s.srsubstate = 'r') AND count(DISTINCT s.srrelid) = 2
            FROM pg_catalog.pg_subscription_rel AS s
           WHERE s.srrelid IN ('fauna.heads'::pg_catalog.regclass, 'fauna.documents'::pg_catalog.regclass))"
    };
}

pub(super) use is_whole;
