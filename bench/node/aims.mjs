// What Fauna promises about its speed, and whether this run kept it. Every row counts by itself: a mean would hide one.
import { say, table } from '../sql/report.mjs';
import { COUNTS, FAUNA, FAUNA_DETAILS, FLOOR, PEERS, RULES } from './products.mjs';
import { medianRatio } from './statistics.mjs';

// As much as the same process differs from the next one, and what the caches of the processor make of 10 000 flags.
const GROWTH = 1.25;
const READY_MS = 10;

export function printAims({ speed, startUp }) {
  const rows = [];
  const add = (name, aim, measured, isMet) => rows.push([name, aim, measured, isMet ? 'met' : 'NOT MET']);
  if (speed !== undefined) {
    for (const [rule, title] of Object.entries(RULES)) {
      for (const count of COUNTS) {
        const ratio = medianRatio(speed(FAUNA, count, rule), speed(FLOOR, count, rule));
        add(`boolean() / by hand: ${title}, ${count}`, '<= 2.50x', `${ratio.toFixed(2)}x`, ratio <= 2.5);
      }
      for (const fauna of [FAUNA, FAUNA_DETAILS]) {
        for (const count of COUNTS) {
          const ratio = Math.min(...PEERS.map((peer) => medianRatio(speed(peer, count, rule), speed(fauna, count, rule))));
          const call = fauna === FAUNA ? 'boolean()' : 'booleanDetails()';
          add(`fastest peer / ${call}: ${title}, ${count}`, '>= 3.00x', `${ratio.toFixed(2)}x`, ratio >= 3);
        }
      }
      const growth = medianRatio(speed(FAUNA, COUNTS.at(-1), rule), speed(FAUNA, COUNTS[0], rule));
      add(`boolean(), ${COUNTS.at(-1)} flags / ${COUNTS[0]}: ${title}`, `<= ${GROWTH.toFixed(2)}x`, `${growth.toFixed(2)}x`, growth <= GROWTH);
    }
  }
  if (startUp !== undefined) {
    const ms = startUp(FAUNA, 1000, 'ms');
    add('ready with 1000 flags, ms', `< ${READY_MS}`, ms.toFixed(1), ms < READY_MS);
    for (const [what, title] of [['held', 'memory'], ['used', 'memory, every flag used']]) {
      for (const count of COUNTS.slice(1)) {
        const ratio = startUp(FAUNA, count, what) / Math.min(...PEERS.map((peer) => startUp(peer, count, what)));
        add(`${title} / the smallest peer's: ${count} flags`, '< 1.00x', `${ratio.toFixed(2)}x`, ratio < 1);
      }
    }
  }
  say('Aims');
  say();
  table(['', 'aim', 'measured', ''], rows);
}
