/**
 * Durable append: the full path (validate, hash the arguments, redact, id, canonical bytes, Merkle leaf, one write and
 * one fdatasync a batch, acknowledge) against a bare group-commit appender of the same bytes, and against pino.
 */
import { once } from 'node:events';
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { AuditLogger } from '@microsoft/agent-governance-sdk';
import { pino } from 'pino';
import { parts } from './append-parts.ts';
import { inTurn, median, quantile, rate, ratio, table } from './stats.ts';
import { openBenchRecorder, ordinaryEvent, scratch } from './support.ts';

interface Run {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** `appenders` loops, each waiting for its acknowledgement before it sends the next. */
async function drive(
  appenders: number,
  total: number,
  append: () => Promise<unknown> | undefined,
): Promise<Run> {
  const latencies: number[] = [];
  let left = total;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: appenders }, async () => {
      while (left-- > 0) {
        const sent = performance.now();
        const done = append();
        if (done !== undefined) await done;
        latencies.push(performance.now() - sent);
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  return { perSecond: total / seconds, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

/** The entries' bytes, so that the bare appender writes exactly what the recorder wrote. */
async function entryLine(): Promise<Buffer> {
  const { directory, remove } = await scratch();
  const recorder = await openBenchRecorder(directory);
  await recorder.record(ordinaryEvent(), { surface: 'sdk', assurance: 'observed' });
  await recorder.close('bench');
  const lines = readFileSync(join(directory, 'logs/local/entries/000000000000.jsonl'), 'utf8').split('\n');
  await remove();
  return Buffer.from(`${lines[1]}\n`);
}

async function full(appenders: number, total: number): Promise<Run> {
  const { directory, remove } = await scratch();
  const recorder = await openBenchRecorder(directory);
  const event = ordinaryEvent();
  const run = await drive(appenders, total, () =>
    recorder.record(event, { surface: 'sdk', assurance: 'observed' }),
  );
  await recorder.close('bench');
  await remove();
  return run;
}

/** One write and one fdatasync for whatever waits: the least that a durable log can do. */
async function bare(appenders: number, total: number, line: Buffer): Promise<Run> {
  const { directory, remove } = await scratch();
  const fd = openSync(join(directory, 'bare.jsonl'), 'a');
  let waiting: (() => void)[] = [];
  let buffer = Buffer.allocUnsafe(64 * 1024);
  let end = 0;
  const flush = (): void => {
    const acknowledge = waiting;
    waiting = [];
    writeSync(fd, buffer, 0, end);
    end = 0;
    fdatasyncSync(fd);
    for (const resolve of acknowledge) resolve();
  };
  const run = await drive(appenders, total, () => {
    if (end + line.length > buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
    end += line.copy(buffer, end);
    if (waiting.length === 0) setImmediate(flush);
    return new Promise<void>((resolve) => waiting.push(resolve));
  });
  closeSync(fd);
  await remove();
  return run;
}

async function pinoRun(appenders: number, total: number, fsync: boolean): Promise<Run> {
  const { directory, remove } = await scratch();
  const destination = pino.destination({
    dest: join(directory, 'pino.jsonl'),
    sync: true,
    fsync,
    append: true,
  });
  const logger = pino({ base: null }, destination);
  const { metadata: _, ...event } = ordinaryEvent();
  const run = await drive(appenders, total, () => {
    logger.info(event);
    return undefined;
  });
  destination.end();
  await once(destination, 'close');
  await remove();
  return run;
}

/** A chained log in memory: it neither persists nor signs, and hashes four fields. `held`: entries in it beforehand. */
async function inMemory(appenders: number, total: number, held: number): Promise<Run> {
  const logger = new AuditLogger();
  const entry = { agentId: 'billing-tool', action: 'invoice.create', decision: 'allow' as const };
  for (let i = 0; i < held; i++) logger.log(entry);
  return drive(appenders, total, () => {
    logger.log(entry);
    return undefined;
  });
}

/** What that logger keeps by default; from then on every entry drops one. */
const HELD = 10_000;
const ROUNDS = 5;

export async function run(): Promise<string> {
  const line = await entryLine();
  const rows: string[][] = [];
  const add = (name: string, runs: readonly Run[], ours: readonly Run[], goal: string): void => {
    rows.push([
      name,
      rate(median(runs.map(({ perSecond }) => perSecond))),
      `${median(runs.map(({ p50 }) => p50)).toFixed(2)} ms`,
      `${median(runs.map(({ p99 }) => p99)).toFixed(2)} ms`,
      runs === ours
        ? ''
        : `${ratio(
            ours.map(({ perSecond }) => perSecond),
            runs.map(({ perSecond }) => perSecond),
          ).toFixed(2)} ×`,
      goal,
    ]);
  };

  for (const [appenders, total] of [
    [1, 8_000],
    [64, 100_000],
    [1024, 150_000],
  ] as const) {
    const results = await inTurn<Run>(
      {
        full: () => full(appenders, total),
        bare: () => bare(appenders, total, line),
        pinoSync: () => pinoRun(appenders, Math.min(total, 20_000), true),
        pino: () => pinoRun(appenders, total, false),
        ...(appenders === 1024
          ? {
              logger: () => inMemory(appenders, HELD - 1, 0),
              fullLogger: () => inMemory(appenders, HELD, HELD),
            }
          : {}),
      },
      ROUNDS,
    );
    const ours = results.full ?? [];
    add(`**${appenders}: full path**`, ours, ours, appenders === 64 ? 'p99 ≤ 3 ms' : '');
    add(
      `${appenders}: bare group commit of the same bytes`,
      results.bare ?? [],
      ours,
      appenders === 64 ? '≥ 0.7 ×' : '',
    );
    add(
      `${appenders}: pino sync, fsync each`,
      results.pinoSync ?? [],
      ours,
      appenders === 64 ? '≥ 6 ×' : appenders === 1 ? '≥ 0.9 ×' : '',
    );
    add(`${appenders}: pino sync, no fsync`, results.pino ?? [], ours, appenders === 1024 ? '≥ 1 ×' : '');
    if (results.logger === undefined || results.fullLogger === undefined) continue;
    const name = 'agent-governance-sdk, chain in memory, unsigned';
    add(`${appenders}: ${name}`, results.logger, ours, '≥ 0.7 ×');
    add(`${appenders}: ${name}, holding its ${HELD} entries`, results.fullLogger, ours, '≥ 1 ×');
  }
  return `## append

Entries of ${line.length} bytes. A row's ratio is the full path's rate over that row's rate, pair by pair; the goal is beside it.

${table(['appenders', 'rate', 'p50', 'p99', 'full path is', 'goal'], rows)}

Where the time goes:

${await parts(64, line)}`;
}
