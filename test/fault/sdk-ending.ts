/** A program that ends in the way it is told to, in the middle of its run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { tally } from '../../src/sdk.ts';

const how = process.argv[2];
const never = new Promise<never>(() => undefined);

await tally.run({ agent: how ?? 'agent' }, async (run) => {
  await run.act('first', () => 1);
  run.userMessage('the last word');
  switch (how) {
    case 'exit':
      process.exit(3);
      break;
    case 'acting': {
      // In the middle of actions, some of which are being decided.
      let begun = 0;
      const second = (): Promise<never> => {
        if (++begun === 3) process.exit(3);
        return never;
      };
      return Promise.all(Array.from({ length: 20 }, (_, i) => run.act(`second ${i}`, second)));
    }
    case 'killed':
      return run.act('second', async ({ signal }) => {
        process.stdout.write('acting\n');
        await sleep(60_000, undefined, { signal }).catch(() => process.stdout.write(`${signal.reason}\n`));
        throw signal.reason;
      });
    case 'uncaught':
      setTimeout(() => {
        throw new Error('nobody catches this');
      });
      return never;
    case 'rejected':
      void Promise.reject(new Error('nobody looks at this'));
      return never;
    case 'signal':
      return run.act('second', () => {
        setTimeout(() => process.kill(process.pid, 'SIGTERM'));
        return new Promise((resolve) => {
          setTimeout(resolve, 60_000);
        });
      });
    case 'nothing':
      return run.act('second', () => never);
    case 'own':
      process.once('SIGTERM', () => process.exit(5));
      setTimeout(() => process.kill(process.pid, 'SIGTERM'));
      return new Promise((resolve) => {
        setTimeout(resolve, 60_000);
      });
    default:
      return 'as it should';
  }
});
