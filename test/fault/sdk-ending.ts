/** A program that ends in the way it is told to, in the middle of its run. */
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
