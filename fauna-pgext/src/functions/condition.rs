//! `fauna.check_condition`, for the trigger that refuses a condition nobody could evaluate.

use pgrx::prelude::*;

#[pg_schema]
mod fauna {
    use super::pg_extern;
    use crate::jsonb::{Jsonb, to_json};
    use crate::varlena::Text;

    /// What is wrong with the condition, in words; null if nothing is. A null type is that of a
    /// condition without attribute; other nulls count as an empty text, no values and false.
    ///
    /// Its SQL is written out because pgrx would call the first argument `r#type`.
    #[pg_extern(sql = r#"
        CREATE FUNCTION fauna.check_condition(type text, operator text, "values" jsonb, ignore_case boolean)
        RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE c AS '@MODULE_PATHNAME@', '@FUNCTION_NAME@';
    "#)]
    fn check_condition(
        r#type: Option<Text<'_>>,
        operator: Option<Text<'_>>,
        values: Option<Jsonb<'_>>,
        ignore_case: Option<bool>,
    ) -> Option<String> {
        let values = values.map_or_else(|| serde_json::json!([]), |values| to_json(values.root()));
        let operator = operator.map_or("", Text::as_str);
        let kind = r#type.map(Text::as_str);
        let checked = fauna_core::check_condition(kind, operator, &values, ignore_case.unwrap_or(false));
        checked.err().map(|error| error.to_string())
    }
}
