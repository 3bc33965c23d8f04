import * as fauna from './fauna.mjs';

export const name = 'Fauna booleanDetails()';
export const { contextOf, environmentOf } = fauna;

export async function start(text) {
  const { client, close } = await fauna.start(text);
  return { evaluate: (key, user) => client.booleanDetails(key, user, false).value, close };
}
