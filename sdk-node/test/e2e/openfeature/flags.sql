-- The flags that the features ask for.
SELECT fauna.create_attribute('email'), fauna.create_attribute('customer', 'boolean'), fauna.create_attribute('age', 'number');
SELECT fauna.create_audience('ballmer');
SELECT fauna.add_condition('ballmer', 'email', 'eq', '{ballmer@macrosoft.com}');
SELECT fauna.create_audience('internal');
SELECT fauna.add_condition('internal', 'email', 'eq', '{ballmer@macrosoft.com}');
SELECT fauna.add_condition('internal', 'customer', 'eq', '{false}');
SELECT fauna.add_condition('internal', 'age', 'gt', '{10}');

SELECT fauna.create_flag('boolean-flag');
SELECT fauna.create_flag('string-flag', 'string', '{"greeting": "hi", "parting": "bye"}');
SELECT fauna.create_flag('integer-flag', 'number', '{"ten": 10, "one": 1}');
SELECT fauna.create_flag('float-flag', 'number', '{"half": 0.5, "tenth": 0.1}');
SELECT fauna.create_flag('object-flag', 'json',
    '{"template": {"showImages": true, "title": "Check out these pics!", "imagesPerPage": 100}, "empty": {}}');
SELECT fauna.create_flag('wrong-flag', 'string', '{"one": "uno", "two": "dos"}');
SELECT fauna.create_flag('metadata-flag');
SELECT fauna.create_flag('complex-targeted', 'string', '{"external": "EXTERNAL", "internal": "INTERNAL"}');
SELECT fauna.target('complex-targeted', 'internal', 'internal');

SELECT fauna.create_flag(kind || '-' || state || '-flag', type, format('{"zero": %s, "non-zero": %s}', zero, other)::json)
FROM (VALUES
    ('boolean', 'boolean', 'false', 'true'),
    ('string', 'string', '""', '"str"'),
    ('integer', 'number', '0', '1'),
    ('float', 'number', '0.0', '1.0'),
    ('object', 'json', '{}', '{"a": 1}')) kinds (kind, type, zero, other),
    unnest(ARRAY['zero', 'targeted-zero']) state;
SELECT fauna.target(key, 'ballmer', 'zero') FROM fauna.flags WHERE key LIKE '%-targeted-zero-flag';

SELECT fauna.enable(key) FROM fauna.flags;

-- Disabled, they serve their off variant, which is the last.
SELECT fauna.create_flag('boolean-disabled-flag');
SELECT fauna.create_flag('string-disabled-flag', 'string', '{"greeting": "hi", "parting": "bye"}');
SELECT fauna.create_flag('integer-disabled-flag', 'number', '{"ten": 10, "one": 1}');
SELECT fauna.create_flag('float-disabled-flag', 'number', '{"half": 0.5, "tenth": 0.1}');
SELECT fauna.create_flag('object-disabled-flag', 'json', '{"template": {"imagesPerPage": 100}, "empty": {}}');
