#!/usr/bin/env node
/** The command `fauna-flags`. */
import { generate } from './generate.ts';

process.exitCode = await generate(process.argv.slice(2), {
  env: process.env,
  out: (line) => {
    console.log(line);
  },
  err: (line) => {
    console.error(line);
  },
});
