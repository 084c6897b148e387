/** One target of the fuzzer in a process of its own: a line of JSON after each batch. Ends at the first failure. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { TARGETS } from '../../test/fuzz/targets.ts';

export interface Batch {
  readonly target: string;
  readonly seed: number;
  readonly runs: number;
  readonly ms: number;
  readonly slowestMs: number;
  readonly failure?: string;
}

/** Small enough for a short way back after an interruption, large enough that its start does not count. */
const BATCH = 20_000;

const [, , name, seed, runs, done] = process.argv;
const target = TARGETS.find((one) => one.name === name);
if (target === undefined) throw new Error(`no target is called ${name}`);

/** Each batch has its own cases, and the same ones whenever it is run again. */
const seedOf = (at: number): number =>
  createHash('sha256').update(`${seed}\n${name}\n${at}`).digest().readInt32LE(0);

for (let at = Number(done); at < Number(runs); at += BATCH) {
  const started = performance.now();
  const here = seedOf(at);
  const details = await target.check({ runs: Math.min(BATCH, Number(runs) - at), seed: here });
  const batch: Batch = {
    target: target.name,
    seed: here,
    runs: details.numRuns,
    ms: performance.now() - started,
    slowestMs: target.slowestMs(),
    ...(details.failed ? { failure: `${fc.defaultReportMessage(details)}\n${details.errorInstance}` } : {}),
  };
  process.stdout.write(`${JSON.stringify(batch)}\n`);
  if (details.failed) break;
}
