// Whom flags are evaluated for: different enough that nothing is constant, and such that a user meets most conditions but
// few all of them, so that no rule is always left at the same place.

// A small generator of its own (mulberry32), so that every process has the same users.
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const next = random(7);
const among = (...values) => values[Math.floor(next() * values.length)];

export const USERS = Array.from({ length: 1024 }, (_, index) => ({
  targetingKey: `user-${1_000_000 + index * 7919}`,
  country: among('CA', 'US', 'MX', 'FR'),
  plan: among('pro', 'pro', 'pro', 'free'),
  age: 16 + Math.floor(next() * 52),
  email: `user-${index}@${among('example.com', 'example.com', 'example.com', 'example.org')}`,
  staff: next() < 0.1,
  device: { os: among('android', 'android', 'android', 'ios') },
  language: among('en', 'en', 'fr', 'fr', 'de'),
  visits: Math.floor(next() * 60),
}));
