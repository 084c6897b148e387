/**
 * Kills `tally up` again and again, at random moments, while many clients append through the hand-over socket. Then every
 * acknowledged entry is looked for, and the log verified.
 *
 *   node scripts/kill.ts [--kills 200] [--clients 16] [--most-ms 400] [--rotate-every 10]
 */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { killUnderLoad } from '../test/fault/kill.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    clients: { type: 'string', default: '16' },
    'most-ms': { type: 'string', default: '400' },
    'rotate-every': { type: 'string', default: '10' },
  },
});
const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

// The program that is killed is the built one.
execFileSync('npm', ['run', '--silent', 'build'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  stdio: 'inherit',
});
const kills = Number(values.kills);
const started = performance.now();
const totals = await killUnderLoad({
  kills,
  clients: Number(values.clients),
  // Now and then long enough for a segment to be sealed.
  waitMs: (kill) => randomInt(kill % 8 === 7 ? 4000 : Number(values['most-ms']) + 1),
  rotateEvery: Number(values['rotate-every']),
  onKill(kill, acknowledged) {
    if ((kill + 1) % 20 === 0) say(`${kill + 1} kills, ${acknowledged} acknowledged`);
  },
});
const seconds = Math.round((performance.now() - started) / 1000);
say(
  `${kills} kills under ${values.clients} clients in ${seconds} s: ${totals.acknowledged} acknowledged, all there; ` +
    `${totals.entries} entries without a gap in ${totals.segments} segments (${totals.sealed} sealed), ` +
    `${totals.rotations} rotations acknowledged, ${totals.torn} torn tails set aside; verify passes`,
);
