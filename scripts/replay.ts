/**
 * Records decisions by a real recorder, replays them all, alters some of them in copies of the log, and sees each named;
 * then asks what a stricter policy would have decided. In a directory of its own, which is removed.
 *
 *   node scripts/replay.ts [--decisions 100000] [--altered 1000]
 */
import { parseArgs } from 'node:util';
import { showReplay } from '../test/support/replay-show.ts';

const { values } = parseArgs({
  options: { decisions: { type: 'string', default: '100000' }, altered: { type: 'string', default: '1000' } },
});

await showReplay({
  decisions: Number(values.decisions),
  altered: Number(values.altered),
  say: (text) => void process.stdout.write(`${text}\n`),
});
