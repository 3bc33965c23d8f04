//! The operators by name.

use std::cmp::Ordering;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Exists,
    Eq,
    In,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    InCidr,
    Order(Direction),
}

/// `lt`, `lte`, `gt`, `gte`: on which side of a limit values match, and whether the limit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Direction {
    pub(crate) side: Ordering,
    pub(crate) inclusive: bool,
}

impl Operator {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let order = |side, inclusive| Self::Order(Direction { side, inclusive });
        Some(match name {
            "exists" => Self::Exists,
            "eq" => Self::Eq,
            "in" => Self::In,
            "contains" => Self::Contains,
            "starts_with" => Self::StartsWith,
            "ends_with" => Self::EndsWith,
            "matches" => Self::Matches,
            "in_cidr" => Self::InCidr,
            "lt" => order(Ordering::Less, false),
            "lte" => order(Ordering::Less, true),
            "gt" => order(Ordering::Greater, false),
            "gte" => order(Ordering::Greater, true),
            _ => return None,
        })
    }
}
