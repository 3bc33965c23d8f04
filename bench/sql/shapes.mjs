// The audiences that are measured, each three times with the same meaning: as Fauna's conditions, as a WHERE clause over
// a jsonb context, and as one over columns. The clauses are written as somebody would who knows PostgreSQL: in the order
// of the conditions, with the operators that cost least.
//
// A condition is [attribute, operator, values, over jsonb, over columns, operator of the in-house function].

const customers = Array.from({ length: 1000 }, (_, n) => `customer-${String(n).padStart(5, '0')}`);
const listed = customers.map((customer) => `'${customer}'`).join(', ');
const pattern = '^[a-z]+\\.[a-z]+@example\\.(org|net)$';

const three = [
  ['country', 'in', ['CA', 'US', 'MX', 'DE', 'FR'], "context->>'country' IN ('CA', 'US', 'MX', 'DE', 'FR')", "country IN ('CA', 'US', 'MX', 'DE', 'FR')"],
  ['plan', 'eq', ['pro'], "context->>'plan' = 'pro'", "plan = 'pro'"],
  ['age', 'gte', ['30'], "(context->>'age')::int >= 30", 'age >= 30'],
];

// Nine of ten users or more fit each of these, so that the later ones are looked at as well.
const most = ['CA', 'US', 'MX', 'DE', 'FR', 'GB', 'ES', 'IT', 'NL'];
const mostSql = most.map((country) => `'${country}'`).join(', ');
const ten = [
  ['country', 'in', most, `context->>'country' IN (${mostSql})`, `country IN (${mostSql})`],
  ['plan', 'in', ['pro', 'team', 'business'], "context->>'plan' IN ('pro', 'team', 'business')", "plan IN ('pro', 'team', 'business')"],
  ['age', 'gte', ['16'], "(context->>'age')::int >= 16", 'age >= 16'],
  ['signed_up', 'lt', ['2025-01-01T00:00:00Z'], "(context->>'signed_up')::timestamptz < '2025-01-01T00:00:00Z'", "signed_up < '2025-01-01T00:00:00Z'", 'before'],
  ['email', 'ends_with', ['@example.org'], "context->>'email' LIKE '%@example.org'", "email LIKE '%@example.org'"],
  ['staff', 'eq', ['false'], "NOT (context->>'staff')::boolean", 'NOT staff'],
  ['locale', 'starts_with', ['en'], "starts_with(context->>'locale', 'en')", "starts_with(locale, 'en')"],
  ['orders', 'gte', ['5'], "(context->>'orders')::int >= 5", 'orders >= 5'],
  ['city', 'contains', ['ville'], "context->>'city' LIKE '%ville%'", "city LIKE '%ville%'"],
  ['tags', 'eq', ['web'], "context->'tags' ? 'web'", "'web' = ANY (tags)", 'has'],
];

const shape = (key, name, conditions, percent) => ({
  key,
  name,
  conditions,
  percent,
  overJsonb: clause(conditions, 3, percent && `abs(hashtextextended('${key}.' || (context->>'targetingKey'), 0) % 100) < ${percent}`),
  overColumns: clause(conditions, 4, percent && `abs(hashtextextended('${key}.' || id, 0) % 100) < ${percent}`),
  // The same users exactly: the rollout with Fauna's own hash, of which a WHERE clause by hand would know nothing.
  exact: clause(conditions, 4, percent && `fauna.bucket('${key}', id::text) < ${percent}000`),
});

function clause(conditions, column, rollout) {
  return [...conditions.map((condition) => condition[column]), ...(rollout ? [rollout] : [])].join(' AND ');
}

export const shapes = [
  shape('three', 'three conditions', three),
  shape('rollout', 'three, rollout 30 %', three, 30),
  shape('ten', 'ten conditions', ten),
  shape('list', 'list of 1 000', [['customer', 'in', customers, `context->>'customer' IN (${listed})`, `customer IN (${listed})`]]),
  shape('regex', 'regular expression', [['email', 'matches', [pattern], `context->>'email' ~ '${pattern}'`, `email ~ '${pattern}'`]]),
];

export const attributes = { age: 'number', orders: 'number', signed_up: 'date', staff: 'boolean' };
