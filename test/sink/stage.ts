/** Messages, servers that misbehave, and deliveries whose clock and randomness the test holds. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Raised } from '../../src/core/alert/event.ts';
import { createDeliveries, type Deliveries } from '../../src/sink/deliveries.ts';
import type { Destination, Message } from '../../src/sink/driver.ts';
import type { Item, OutboxState } from '../../src/sink/outbox.ts';
import type { DestinationSetting } from '../../src/sink/setting.ts';
import { createSlack } from '../../src/sink/slack.ts';
import { createWebhook } from '../../src/sink/webhook.ts';

export interface Got {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Receiver {
  readonly url: string;
  readonly got: Got[];
}

/** Ends with the test, with every connection that is still open. */
export async function receiver(
  t: TestContext,
  answer: (response: ServerResponse, n: number, request: IncomingMessage) => void,
): Promise<Receiver> {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      got.push({ headers: request.headers, body: Buffer.concat(parts).toString('utf8') });
      answer(response, got.length, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/path`, got };
}

export const OK = (response: ServerResponse): void => void response.end('ok');

export function message(index: number, more: Partial<Raised> = {}): Message {
  const id = `log_${String(index).padStart(26, '0')}`;
  const ts = '2026-01-01T00:00:00.000Z';
  const raised: Raised = {
    id,
    index,
    ts,
    rule: 'fast',
    kind: 'rate',
    severity: 'warning',
    subject: 'bot',
    message: '5 calls by agent bot',
    key: '["bot"]',
    at: ts,
    evidence: [1, 2],
    test: false,
    ...more,
  };
  return { id, index, ts, log: 'host/local', about: { raised } };
}

export function closing(index: number): Message {
  const id = `log_${String(index).padStart(26, '0')}`;
  const ts = '2026-01-01T00:00:00.000Z';
  const closed = {
    id,
    index,
    ts,
    alert: 'log_x',
    rule: 'fast',
    severity: 'warning',
    subject: 'bot',
    why: 'quiet',
    count: 3,
  } as const;
  return { id, index, ts, log: 'host/local', about: { closed } };
}

export interface Stage {
  readonly deliveries: Deliveries;
  readonly saved: OutboxState[];
  readonly gaveUp: Item[];
  readonly warnings: string[];
  readonly clock: { ms: number };
  /** Resolves when `holds`, with turns in between; fails after a while. */
  until(holds: () => boolean): Promise<void>;
}

interface Configured {
  readonly setting: DestinationSetting;
  readonly destination: Destination;
}

export function stage(
  t: TestContext,
  settings: readonly DestinationSetting[],
  options: {
    readonly messages?: readonly Message[];
    readonly loaded?: OutboxState;
    readonly secrets?: ReadonlyMap<string, string>;
    readonly timeoutMs?: number;
    readonly save?: (state: OutboxState) => Promise<void>;
    /** Which of them the configuration has just now. */
    readonly configured?: (all: readonly Configured[]) => readonly Configured[];
  } = {},
): Stage {
  const clock = { ms: Date.UTC(2026, 0, 1) };
  const saved: OutboxState[] = [];
  const gaveUp: Item[] = [];
  const warnings: string[] = [];
  const known = new Map((options.messages ?? []).map((one) => [one.index, one]));
  const world = {
    read: (name: string) => {
      const value = options.secrets?.get(name);
      return value === undefined ? undefined : Buffer.from(value);
    },
    now: () => clock.ms,
    timeoutMs: options.timeoutMs ?? 2_000,
  };
  const made = settings.map(
    (setting): Configured => ({
      setting,
      destination: setting.type === 'webhook' ? createWebhook(setting, world) : createSlack(setting, world),
    }),
  );
  const deliveries = createDeliveries(
    {
      words: { one: 'an alert', many: 'alerts', givenUp: (name) => `it is kept: tally alerts retry ${name}` },
      destinations: () => options.configured?.(made) ?? made,
      message: async (index) => known.get(index),
      save: options.save ?? (async (state) => void saved.push(structuredClone(state))),
      gaveUp: async (item) => void gaveUp.push(item),
      now: () => clock.ms,
      random: () => 0.5,
      onWarning: (line) => warnings.push(line),
    },
    options.loaded ?? { format: 1, reached: 0, waiting: [], dead: [] },
  );
  t.after(() => deliveries.close());
  return {
    deliveries,
    saved,
    gaveUp,
    warnings,
    clock,
    async until(holds) {
      const deadline = performance.now() + 10_000;
      while (!holds()) {
        if (performance.now() > deadline)
          throw new Error(`it did not come to that: ${JSON.stringify(deliveries.state())}`);
        deliveries.turn();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
}
