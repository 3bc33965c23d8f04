// The floor: the conditions as a team would write them by hand, with the hash that Fauna has (MurmurHash3 over UTF-8).
// Reading characters is several times faster than making bytes, so ASCII is hashed without.

const encoder = new TextEncoder();

function mix(block) {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function finish(hash, length) {
  let mixed = hash ^ length;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function ofBytes(bytes) {
  let hash = 0;
  let index = 0;
  for (const end = bytes.length - (bytes.length & 3); index < end; index += 4) {
    hash ^= mix(bytes[index] | (bytes[index + 1] << 8) | (bytes[index + 2] << 16) | (bytes[index + 3] << 24));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let block = 0;
  for (let shift = 0; index < bytes.length; index += 1, shift += 8) block |= bytes[index] << shift;
  return finish((bytes.length & 3) > 0 ? hash ^ mix(block) : hash, bytes.length);
}

function murmur3(text) {
  const length = text.length;
  let hash = 0;
  let index = 0;
  for (const end = length - (length & 3); index < end; index += 4) {
    const a = text.charCodeAt(index);
    const b = text.charCodeAt(index + 1);
    const c = text.charCodeAt(index + 2);
    const d = text.charCodeAt(index + 3);
    if ((a | b | c | d) > 0x7f) return ofBytes(encoder.encode(text));
    hash ^= mix(a | (b << 8) | (c << 16) | (d << 24));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let block = 0;
  for (let shift = 0; index < length; index += 1, shift += 8) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return ofBytes(encoder.encode(text));
    block |= unit << shift;
  }
  return finish((length & 3) > 0 ? hash ^ mix(block) : hash, length);
}

const NORTH_AMERICA = new Set(['CA', 'US', 'MX']);
const bucketOf = (user) => Math.floor((murmur3(`rollout.${user.targetingKey}`) * 100_000) / 4_294_967_296);

export const conditions = {
  rollout: (user) => NORTH_AMERICA.has(user.country) && user.plan === 'pro',
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
};

export const handwritten = {
  rollout: (user) => NORTH_AMERICA.has(user.country) && user.plan === 'pro' && bucketOf(user) < 30_000,
  ten: conditions.ten,
};

