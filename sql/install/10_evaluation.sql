-- What an evaluation gives back. The fields, reasons and error codes are OpenFeature's.

CREATE TYPE fauna.evaluation AS (
    flag text,
    value jsonb,
    variant text,
    reason text,
    rule_id uuid,
    error_code text,
    error_message text,
    revision bigint
);
COMMENT ON TYPE fauna.evaluation IS 'The outcome of evaluating one flag for one context.';
COMMENT ON COLUMN fauna.evaluation.flag IS 'Key of the flag.';
COMMENT ON COLUMN fauna.evaluation.value IS 'Value of the variant served; null where there is none.';
COMMENT ON COLUMN fauna.evaluation.variant IS 'Key of the variant served; null where there is none.';
COMMENT ON COLUMN fauna.evaluation.reason IS 'STATIC, DEFAULT, TARGETING_MATCH, SPLIT, DISABLED or ERROR.';
COMMENT ON COLUMN fauna.evaluation.rule_id IS 'The rule that served; null for the default and the off variant.';
COMMENT ON COLUMN fauna.evaluation.error_code IS 'FLAG_NOT_FOUND, PARSE_ERROR, INVALID_CONTEXT, …; null without error.';
COMMENT ON COLUMN fauna.evaluation.error_message IS 'The error in words; null without error.';
COMMENT ON COLUMN fauna.evaluation.revision IS 'Revision of the environment that was evaluated.';
