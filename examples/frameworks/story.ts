/** The one story that is told with every framework: what a customer asks for, what the tools do, what the model says. */
import type { Said } from './model.ts';

export const QUESTION = 'My order o_7 broke. My card is 4111 1111 1111 1111, please refund 140.';
export const INSTRUCTIONS = 'You are kind, and you look before you promise.';
export const ANSWER = 'I refunded 100; a colleague will look at the rest.';

export const SCRIPT: readonly Said[] = [
  { tools: [{ name: 'order_find', args: { order: 'o_7' } }] },
  { tools: [{ name: 'refund_create', args: { order: 'o_7', amount: 140 } }] },
  { tools: [{ name: 'refund_create', args: { order: 'o_7', amount: 100 } }] },
  { text: ANSWER },
];

/** What the shop really does; nothing here knows of any record. `done` is its own book, to hold the log against. */
export function openShop() {
  const done: string[] = [];
  return {
    done: done as readonly string[],
    find({ order }: { order: string }) {
      done.push(`found ${order}`);
      return { order, state: 'delivered', paid: 140 };
    },
    refund({ order, amount }: { order: string; amount: number }) {
      done.push(`refunded ${amount}`);
      return { order, amount, receipt: 'rc_1' };
    },
  };
}
