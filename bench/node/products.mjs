// What is compared, each in a file of its own: how it gets its flags, its contexts and its answer. Every module has
//
// * name
// * environmentOf(keys, rule): the flags as JSON text, in the product's own form. The first key has the rule that is
//   measured ("rollout" or "ten"), all others the first rule;
// * contextOf(user): what the product is given for a user, made before the clock starts;
// * start(text, rule): from that text to the first evaluation possible, without a network. Resolves to evaluate(key, context),
//   whether that is a promise (isAsync), whether it evaluates all flags at once (isWhole), and close().
export const FLOOR = 'by-hand';
export const FAUNA = 'fauna';
export const FAUNA_DETAILS = 'fauna-details';
export const PEERS = ['flagd', 'featurevisor', 'growthbook', 'unleash', 'launchdarkly', 'posthog', 'flagsmith'];
export const RULES = { rollout: 'country in a list AND plan = pro AND 30 %', ten: 'ten conditions' };
export const COUNTS = [1, 1000, 10_000];

// The flag that is measured comes first. Its name is also the salt of the handwritten rollout.
export const MEASURED = 'rollout';
export const keysOf = (count) => [MEASURED, ...Array.from({ length: count - 1 }, (_, index) => `flag-${index + 1}`)];
export const load = (product) => import(`./products/${product}.mjs`);
