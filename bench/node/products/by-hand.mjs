import { handwritten } from '../handwritten.mjs';

export const name = 'by hand';
export const contextOf = (user) => user;
export const environmentOf = () => '{}';
export function start(_text, rule) {
  return { evaluate: rule === 'ten' ? (_key, user) => handwritten.ten(user) : (_key, user) => handwritten.rollout(user) };
}
