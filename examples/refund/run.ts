/** node examples/refund/run.ts */
import { tell } from './story.ts';

const { paid } = await tell((line) => void process.stdout.write(`${line}\n`));
process.stdout.write(
  `The shop paid: ${paid.map(({ order, amount }) => `${amount} for ${order}`).join(', ')}\n`,
);
