/** An agent that acts until it is killed. Its tool leaves a line in a file of its own, outside of the log. */
import { appendFileSync } from 'node:fs';
import { createTally } from '../../src/sdk.ts';

const counter = process.env.COUNTER ?? '';
const tally = createTally({ agent: 'killed' });

/** In the middle of whatever it does then. */
const exitMs = Number(process.env.EXIT_MS ?? Number.NaN);

await tally.run({ workflow: 'until it is killed' }, async (run) => {
  const loop = async (name: string): Promise<void> => {
    for (let i = 0; !run.signal.aborted; i++) {
      void run.note(`${name} ${i}`);
      await run.act({ name: 'count', args: { name, i } }, ({ id }) => appendFileSync(counter, `${id}\n`));
      if (i === 0) {
        process.stdout.write('acting\n');
        if (name === 'a' && exitMs >= 0) setTimeout(() => process.exit(7), exitMs);
      }
    }
  };
  await Promise.all(['a', 'b', 'c'].map(loop));
});
