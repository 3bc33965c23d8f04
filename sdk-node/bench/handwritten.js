/** The conditions of the benchmark as a team would write them by hand, with the hash that Fauna has. */

function murmur3(text) {
  let hash = 0;
  let index = 0;
  const rest = text.length & 3;
  for (const end = text.length - rest; index < end; index += 4) {
    const block =
      text.charCodeAt(index) |
      (text.charCodeAt(index + 1) << 8) |
      (text.charCodeAt(index + 2) << 16) |
      (text.charCodeAt(index + 3) << 24);
    hash ^= mix(block);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let block = 0;
  for (let shift = 0; index < text.length; index += 1, shift += 8) block |= text.charCodeAt(index) << shift;
  if (rest > 0) hash ^= mix(block);
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mix(block) {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

const bucketOf = (user) => Math.floor((murmur3(`rollout.${user.targetingKey}`) * 100_000) / 4_294_967_296);
const NORTH_AMERICA = new Set(['CA', 'US', 'MX']);

export const handwritten = {
  rollout: (user) => NORTH_AMERICA.has(user.country) && user.plan === 'pro' && bucketOf(user) < 30_000,
  ten: (user) =>
    NORTH_AMERICA.has(user.country) &&
    user.plan === 'pro' &&
    user.age >= 18 &&
    user.age < 65 &&
    user.email.endsWith('@example.com') &&
    user.staff === false &&
    user.device?.os === 'android' &&
    (user.language === 'en' || user.language === 'fr') &&
    user.visits > 3 &&
    !user.targetingKey.startsWith('test-'),
  static: () => true,
};
