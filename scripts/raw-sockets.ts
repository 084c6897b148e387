/**
 * Throws odd connections at a real broker and holds its log against what upstreams counted; with --kills it is killed at
 * random moments on the way.
 *
 *   node scripts/raw-sockets.ts [--connections 200000] [--at-once 128] [--kills 0] [--seed N] [--built]
 */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { attack } from '../test/e2e/raw-sockets/attack.ts';

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '200000' },
    'at-once': { type: 'string', default: '128' },
    kills: { type: 'string', default: '0' },
    built: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(randomInt(1_000_000_000)) },
  },
});
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

// The program that is attacked is the built one.
if (!values.built)
  execFileSync('npm', ['run', '--silent', 'build'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: 'inherit',
  });
const seed = Number(values.seed);
say(`seed ${seed}`);
const started = performance.now();
const found = await attack({
  connections: Number(values.connections),
  atOnce: Number(values['at-once']),
  kills: Number(values.kills),
  seed,
  say,
});
const seconds = Math.round((performance.now() - started) / 1000);
say(
  `${found.connections} connections and ${values.kills} kills in ${seconds} s: ${found.entries} entries, ${found.calls} calls begun, ` +
    `${found.hits} at the upstream, ${found.endedEarly} over before, ${found.stopped} stopped; ${found.rssMiB} MiB at the end`,
);
for (const problem of found.problems) say(`PROBLEM: ${problem}`);
// Sockets that were reset can leave handles behind, which would keep this process.
process.exit(found.problems.length === 0 ? 0 : 1);
