// What Fauna promises about its speed, and whether this run kept it. Every shape counts by itself: a mean would hide one.
import { say, table } from './report.mjs';
import { ratioOf } from './scans.mjs';

export function printAims({ scans, first, change, growth, core }) {
  const rows = [];
  const atMost = (name, limit, measured) =>
    rows.push([name, `<= ${limit.toFixed(2)}x`, `${measured.toFixed(2)}x`, verdict(measured <= limit)]);
  for (const { name, lines } of scans.shapes)
    atMost(`jsonb / by hand over jsonb: ${name}`, 1, ratioOf(lines.jsonb, lines.jsonbByHand));
  for (const { name, lines } of scans.shapes)
    atMost(`row / by hand over columns: ${name}`, 2.5, ratioOf(lines.row, lines.rowByHand));
  for (const { name, lines } of scans.shapes) {
    if (lines.predicate)
      atMost(`audience_sql / by hand over columns: ${name}`, 1.05, ratioOf(lines.predicate, lines.rowByHand));
  }
  for (const { name, lines } of scans.shapes) {
    const measured = ratioOf(lines.inhouse, lines.jsonb);
    rows.push([`PL/pgSQL / jsonb: ${name}`, '>= 50x', `${measured.toFixed(0)}x`, verdict(measured >= 50)]);
  }
  const firstCall = first.fauna / first.baseline;
  rows.push(['first call / C function and lookup', '< 3x', `${firstCall.toFixed(2)}x`, verdict(firstCall < 3)]);
  // Flat: a thousand times the flags may not cost half as much again.
  for (const [name, key] of [
    ['had used one flag', 'one'],
    ['had used all flags', 'all'],
  ]) {
    atMost(`after a change, 10 000 flags / 10: ${name}`, 1.5, change.at(-1)[key] / change[0][key]);
  }
  atMost('one flag over jsonb, 10 000 flags / 10', 1.15, growth.at(-1).one / growth[0].one);
  for (const { rule, faunaNs, yggdrasilNs } of core.rules)
    atMost(`fauna-core / yggdrasil: ${rule}`, 1, faunaNs / yggdrasilNs);
  const same = core.growth.filter(({ pick }) => pick === 'one');
  atMost('fauna-core, 10 000 flags / 10', 1.15, same.at(-1).faunaNs / same[0].faunaNs);
  say('Aims');
  say();
  table(['', 'aim', 'measured', ''], rows);
}

const verdict = (isMet) => (isMet ? 'met' : 'NOT MET');
