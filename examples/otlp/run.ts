/** Plays the agent against a scripted model. It sends to a recorder that runs: `tally up`. */
import { support } from './agent.ts';
import { startTelemetry } from './telemetry.ts';

export const QUESTION = 'My order o_7 broke. My card is 4111 1111 1111 1111, please refund 140.';

/** `secret` is a key of the shop that a tool's answer holds by mistake. */
export async function play(endpoint: string, secret: string, token?: string): Promise<string> {
  const telemetry = startTelemetry(endpoint, token);
  const script = [
    { tool: { name: 'order.find', args: { order: 'o_7' } } },
    { tool: { name: 'refund.create', args: { order: 'o_7', amount: 1_400 } } },
    { tool: { name: 'refund.create', args: { order: 'o_7', amount: 140 } } },
    { text: 'I refunded 140.' },
  ] as const;
  let at = 0;
  const shop = {
    find: () => ({ state: 'delivered' }),
    refund(_order: string, amount: number) {
      if (amount > 1_000) throw new RangeError('more than was paid');
      return { receipt: 'rc_1', debug: `charged with ${secret}` };
    },
  };
  try {
    return await support(() => script[at++] ?? {}, shop, telemetry, QUESTION);
  } finally {
    await telemetry.stop();
  }
}

if (import.meta.main) {
  const endpoint = process.env.OTEL_EXPORTER_OTLP_ENDPOINT ?? 'http://127.0.0.1:7700';
  process.stdout.write(
    `${await play(endpoint, process.env.SHOP_KEY ?? 'no key', process.env.TALLY_AGENT_TOKEN)}\n`,
  );
}
