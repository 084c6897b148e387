/**
 * Processor time of one call, in the process that carries it: a count of calls at 64 connections, so that a machine that
 * is busy with something else changes little.
 *
 *     node bench/proxy/cpu.ts [--calls 20000] [--connections 64] [--rounds 3] [--profile DIR] [plain|intent|reply|async|unflushed|unrecorded…]
 */
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { median } from '../stats.ts';
import { broker, child, plain, type Serving, stop } from './serving.ts';

const MODES = ['plain', 'unrecorded', 'unflushed', 'intent', 'reply', 'async'] as const;
type Mode = (typeof MODES)[number];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    calls: { type: 'string', default: '20000' },
    connections: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '3' },
    profile: { type: 'string' },
  },
});
const connections = Number(values.connections);

async function make(serving: Serving, calls: number): Promise<void> {
  const { origin, pathname: path } = new URL(serving.url);
  const pool = new Pool(origin, { connections, pipelining: 1 });
  let left = calls;
  const one = (): Promise<number> =>
    new Promise((resolve, reject) => {
      let status = 0;
      pool.dispatch(
        { path, method: 'GET', headers: serving.headers },
        {
          onRequestStart() {},
          onResponseStart(_controller, code) {
            status = code;
          },
          onResponseData() {},
          onResponseEnd: () => resolve(status),
          onResponseError: (_controller, error) => reject(error),
        },
      );
    });
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (left-- > 0) {
        const status = await one();
        if (status !== 200) throw new Error(`a call was answered with ${status}`);
      }
    }),
  );
  await pool.destroy();
}

const wanted = (positionals.length === 0 ? ['plain', 'unrecorded', 'unflushed', 'intent'] : positionals).map(
  (name): Mode => {
    const mode = MODES.find((one) => one === name);
    if (mode === undefined) throw new Error(`${name} is none of ${MODES.join(', ')}`);
    return mode;
  },
);
const calls = Number(values.calls);
const upstream = await child('upstream.ts', []);
const servings = new Map<Mode, Serving>();
for (const mode of wanted)
  servings.set(
    mode,
    mode === 'plain'
      ? await plain(upstream.port)
      : await broker(upstream.port, {
          mode,
          ...(values.profile === undefined ? {} : { profile: values.profile }),
        }),
  );
const spent = new Map<Mode, number[]>();
// What is compiled with the first calls is no cost of any one.
for (const serving of servings.values()) await make(serving, Math.ceil(calls / 2));
for (let round = 0; round < Number(values.rounds); round++)
  for (const [mode, serving] of servings) {
    const before = (await serving.cpuSeconds?.()) ?? Number.NaN;
    await make(serving, calls);
    const after = (await serving.cpuSeconds?.()) ?? Number.NaN;
    spent.set(mode, [...(spent.get(mode) ?? []), ((after - before) / calls) * 1e6]);
  }
for (const serving of servings.values()) await serving.stop();
await stop(upstream.process);
for (const [mode, micros] of spent)
  process.stdout.write(
    `${mode.padEnd(12)} ${median(micros).toFixed(1)} µs a call (${micros.map((one) => one.toFixed(0)).join(', ')})\n`,
  );
