// What depends on the number of flags, which ought to be nothing: what an evaluation costs, and what a change costs the
// backends that did not make it.
import { alternate, session } from "./session.mjs";
import { databaseOf } from "./database.mjs";
import { shapes } from "./shapes.mjs";
import { say, table, whole } from "./report.mjs";

const context = `'{"targetingKey": "31337", "country": "CA", "plan": "pro", "age": 42}'`;

// Nanoseconds per row: one flag for all users, and the flags in turn, one user after the other.
export async function measureGrowth(databases, users, rounds) {
  const subjects = databases.map(({ flags, db }) => async () => {
    const scan = async (flag) => {
      const part = `(SELECT * FROM bench.contexts ORDER BY id LIMIT ${users}) c`;
      const sql = `SELECT count(*) FROM ${part} WHERE fauna.enabled(${flag}, context)`;
      return ((await db.timed(sql)).us * 1000) / users;
    };
    return {
      one: await scan("'rollout'"),
      each: await scan(`'filler-' || id % ${flags - shapes.length}`),
    };
  });
  return alternate(subjects, rounds);
}

// Microseconds of a backend's next evaluation after another one has changed a flag: of one that has evaluated one flag, of
// one that has evaluated all, and of one for which nothing has changed; the whole statement, parsed and planned. Then of the
// evaluation of all flags, after the change and once more. And what the change took, COMMIT included, by the clock, since
// that waits for the disk.
export async function measureChange(databases, rounds) {
  const subjects = [];
  const sessions = [];
  for (const { flags } of databases) {
    const [writer, one, all] = await Promise.all(
      [0, 1, 2].map(() => session(databaseOf(flags))),
    );
    sessions.push(writer, one, all);
    const evaluate = async (db) =>
      (await db.timed(`SELECT fauna.enabled('three', ${context})`)).us;
    const evaluateAll = async (db) =>
      (await db.timed(`SELECT count(*) FROM fauna.evaluate_all(${context})`))
        .us;
    let enabled = true;
    subjects.push(async () => {
      await evaluate(one);
      await evaluateAll(all);
      enabled = !enabled;
      const change = await writer.timed(
        `UPDATE fauna.flag_settings SET enabled = ${enabled} WHERE flag_key = 'filler-0' AND environment_key = 'production'`,
      );
      const [afterOne, afterAll] = [await evaluate(one), await evaluate(all)];
      const [everyFlag, everyFlagAgain] = [
        await evaluateAll(all),
        await evaluateAll(all),
      ];
      const unchanged = await evaluate(one);
      return {
        change: change.elapsedUs,
        one: afterOne,
        all: afterAll,
        unchanged,
        everyFlag,
        everyFlagAgain,
      };
    });
  }
  const medians = await alternate(subjects, rounds);
  for (const db of sessions) await db.end();
  return medians;
}

export function printChange(databases, change, changes) {
  say(
    `After another session's change: the next evaluation, and the change itself, in microseconds (${changes} changes each)`,
  );
  say();
  table(
    [
      "flags",
      "unchanged",
      "had used one",
      "had used all",
      "then all flags",
      "all flags again",
      "UPDATE + COMMIT",
    ],
    databases.map((database, index) => [
      database.flags,
      ...[
        "unchanged",
        "one",
        "all",
        "everyFlag",
        "everyFlagAgain",
        "change",
      ].map((name) => whole(change[index][name])),
    ]),
  );
}

export function printGrowth(databases, growth) {
  say(
    "By the number of flags: nanoseconds per row over jsonb, three conditions and a rollout",
  );
  say();
  table(
    ["flags", "the same flag", "each in turn"],
    databases.map((database, index) => [
      database.flags,
      whole(growth[index].one),
      whole(growth[index].each),
    ]),
  );
}
