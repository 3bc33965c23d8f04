// What evaluation costs in SQL, beside what would be written in its place. `make bench-sql` runs this in a cluster of its
// own; docs/benchmarks.md says how it measures, and what came out.
//
// FAUNA_BENCH_USERS (1000000), FAUNA_BENCH_ROUNDS (15), FAUNA_BENCH_CONNECTIONS (50), FAUNA_BENCH_CHANGES (50) and
// FAUNA_BENCH_CORE_ROUNDS (301) make a run shorter or longer.
import { printAims } from './aims.mjs';
import { measureCore, printCore } from './core.mjs';
import { databaseOf, makeDatabase } from './database.mjs';
import { measureFirstCall, printFirstCall } from './first-call.mjs';
import { measureChange, measureGrowth, printChange, printGrowth } from './growth.mjs';
import { say } from './report.mjs';
import { measureScans, printScans } from './scans.mjs';

const setting = (name, standard) => Number(process.env[`FAUNA_BENCH_${name}`] ?? standard);
const users = setting('USERS', 1_000_000);
const rounds = setting('ROUNDS', 15);
const connections = setting('CONNECTIONS', 50);
const changes = setting('CHANGES', 50);
const coreRounds = setting('CORE_ROUNDS', 301);
const counts = [10, 100, 1000, 10_000];
const flags = 1000;
const growthUsers = Math.floor(users / 10);

const databases = [];
for (const count of counts) {
  databases.push({ flags: count, db: await makeDatabase(count, count === flags ? users : growthUsers) });
}
const { db } = databases.find((database) => database.flags === flags);

say(
  `${await db.value('SHOW server_version')}, ${users} users, ${flags} flags; medians of ${rounds} rounds, in turn; parallel query and JIT off`,
);
say();

const scans = await measureScans(db, users, rounds);
printScans(scans, users);
const first = await measureFirstCall(databaseOf(flags), connections);
printFirstCall(first, connections);
const change = await measureChange(databases, changes);
printChange(databases, change, changes);
const growth = await measureGrowth(databases, growthUsers, rounds);
printGrowth(databases, growth);
for (const database of databases) await database.db.end();
const core = await measureCore(coreRounds);
printCore(core, coreRounds);
printAims({ scans, first, change, growth, core });
