/** A client of server-sent events over a plain connection: what came, in its order, and when the connection ended. */
import { get, type IncomingMessage } from 'node:http';

export interface Told {
  /** `entry` for an event without a name. */
  readonly event: string;
  readonly data: string;
  /** The last id that was said, also by events without data. */
  readonly id: number | undefined;
}

export interface Listener {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly events: readonly Told[];
  /** Of events without a name. */
  readonly entries: () => readonly { readonly index: number; readonly line: string }[];
  /** The last id, as a client that comes back says it. */
  readonly lastId: () => number | undefined;
  /** Everything that came when it was no stream. */
  readonly text: () => string;
  readonly ended: Promise<void>;
  pause(): void;
  resume(): void;
  /** Cuts the connection. */
  cut(): void;
}

export function listen(
  url: string,
  headers: Record<string, string> = {},
  onEvent: (told: Told) => void = () => undefined,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, (response) => {
      const events: Told[] = [];
      let rest = '';
      let text = '';
      let lastId: number | undefined;
      let cut = false;
      const stream = /event-stream/.test(response.headers['content-type'] ?? '');
      response.setEncoding('utf8').on('data', (chunk: string) => {
        // What was on its way when it was cut counts as not received.
        if (cut) return;
        if (!stream) {
          text += chunk;
          return;
        }
        const blocks = (rest + chunk).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          let event = 'entry';
          let data: string | undefined;
          for (const line of block.split('\n')) {
            if (line.startsWith('id: ')) lastId = Number(line.slice(4));
            else if (line.startsWith('event: ')) event = line.slice(7);
            else if (line.startsWith('data: ')) data = line.slice(6);
          }
          if (data === undefined) continue;
          const told = { event, data, id: lastId };
          events.push(told);
          onEvent(told);
        }
      });
      const ended = new Promise<void>((done) => response.on('close', done));
      response.on('error', () => undefined);
      resolve({
        status: response.statusCode,
        headers: response.headers,
        events,
        entries: () =>
          events
            .filter(({ event }) => event === 'entry')
            .map(({ data, id }) => ({ index: id ?? Number.NaN, line: data })),
        lastId: () => lastId,
        text: () => text,
        ended,
        pause: () => void response.pause(),
        resume: () => void response.resume(),
        cut() {
          cut = true;
          request.destroy();
        },
      });
    });
    request.on('error', reject);
  });
}
