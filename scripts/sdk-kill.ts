/**
 * Kills agents that use the SDK, at random moments, and holds their tool's own file against the log.
 *
 *   node scripts/sdk-kill.ts [--kills 100] [--most-ms 250]
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { killAgents } from '../test/fault/sdk-kill.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '100' }, 'most-ms': { type: 'string', default: '250' } },
});
const kills = Number(values.kills);
const started = performance.now();
const { ran, runs, ended, open } = await killAgents({
  kills,
  waitMs: () => randomInt(Number(values['most-ms']) + 1),
});
process.stdout.write(
  `${kills} agents killed in ${Math.round((performance.now() - started) / 1000)} s: ${ran} calls of their tool, each with ` +
    `its pre_exec; of ${runs} runs ${ended} ended and ${open} are reported open\n`,
);
