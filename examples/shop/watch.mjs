// A running application: holds the flags of the demo in memory, and says what a user gets whenever a change arrives.
//
//   . .fauna/env && node examples/shop/watch.mjs
import { createClient } from '@fauna-flags/node';

const user = { targetingKey: 'user-7', country: 'CA', orders: 12, beta_tester: false };

const fauna = await createClient({ url: process.env.FAUNA_URL, key: process.env.FAUNA_SERVER_KEY });

function show() {
  const checkout = fauna.booleanDetails('new-checkout', user, false);
  const shipping = fauna.number('free-shipping-from', user, 100);
  console.log(`new-checkout=${checkout.value} (${checkout.reason}), free shipping from ${shipping}`);
}

show();
fauna.on('change', ({ keys, revision }) => {
  console.log(`revision ${revision} changed ${keys.join(', ')}`);
  show();
});
process.once('SIGINT', () => fauna.close());
