// What an evaluation costs in Node, beside a condition written by hand and beside other SDKs that evaluate in process.
// `make bench-node` installs them and runs this; docs/benchmarks.md says how it measures, and what came out.
//
// FAUNA_BENCH_ROUNDS (21), FAUNA_BENCH_SAMPLES (5) and FAUNA_BENCH_PARTS (speed,start) make a run shorter or longer.
import { say } from '../sql/report.mjs';
import { printAims } from './aims.mjs';
import { measureSpeed, printSpeed } from './speed.mjs';
import { measureStartUp, printStartUp } from './start-up.mjs';

const rounds = Number(process.env.FAUNA_BENCH_ROUNDS ?? 21);
const samples = Number(process.env.FAUNA_BENCH_SAMPLES ?? 5);
const parts = (process.env.FAUNA_BENCH_PARTS ?? 'speed,start').split(',');

say(`Node ${process.versions.node}`);
say();
const results = {};
if (parts.includes('speed')) {
  results.speed = await measureSpeed(rounds);
  await printSpeed(results.speed, rounds);
}
if (parts.includes('start')) {
  results.startUp = await measureStartUp(samples);
  await printStartUp(results.startUp, samples);
}
printAims(results);
