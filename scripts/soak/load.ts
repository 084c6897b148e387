/** Calls of many kinds over many connections, and what came of each, as the caller saw it. */
import { Agent, request } from 'node:http';

export const KINDS = ['plain', 'upload', 'close', 'blocked', 'broken', 'slow'] as const;
export type Kind = (typeof KINDS)[number];

/** By the status the caller got; `aborted`: it went away itself; `cut`: its connection was. */
export type Seen = { readonly [kind in Kind]: { [what: string]: number } };

/** Of a thousand calls. */
const SHARES: { readonly [kind in Kind]: number } = {
  plain: 750,
  upload: 100,
  close: 40,
  blocked: 50,
  broken: 20,
  slow: 40,
};
const SIZES = [51, 51, 51, 51, 51, 800, 800, 4_000, 20_000, 70_000];
const UPLOADS = [
  ['application/json', 200],
  ['application/json', 60_000],
  ['application/octet-stream', 3_000],
  ['application/octet-stream', 300_000],
] as const;
const JSON_BODIES = new Map<number, string>(
  UPLOADS.map(([, size]) => [size, JSON.stringify('x'.repeat(size - 2))]),
);
const WHEEL: readonly Kind[] = KINDS.flatMap((kind) => Array<Kind>(SHARES[kind]).fill(kind));

export interface Load {
  readonly seen: Seen;
  readonly calls: () => number;
  /** Resolves when every connection has stopped; `more` is asked before each call. */
  run(connections: number, more: () => boolean): Promise<void>;
  close(): void;
}

/** `random`: 0 to 1, so that a run can be had again. */
export function createLoad(options: {
  readonly broker: number;
  readonly upstream: number;
  readonly random: () => number;
}): Load {
  const { random } = options;
  const seen: Seen = { plain: {}, upload: {}, close: {}, blocked: {}, broken: {}, slow: {} };
  const agent = new Agent({ keepAlive: true });
  let calls = 0;
  const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

  function one(kind: Kind): Promise<void> {
    const size = oneOf(SIZES);
    const host = kind === 'blocked' ? 'blocked.example' : '127.0.0.1';
    const [type, length] = kind === 'upload' ? oneOf(UPLOADS) : [undefined, 0];
    const body = type === undefined ? undefined : JSON_BODIES.get(length);
    const note = (what: string): void => {
      seen[kind][what] = (seen[kind][what] ?? 0) + 1;
    };
    return new Promise((resolve) => {
      let aborted = false;
      let answered = false;
      const outgoing = request({
        host: '127.0.0.1',
        port: options.broker,
        path: '/proxy',
        method: kind === 'upload' ? 'POST' : 'GET',
        agent: kind === 'close' ? false : agent,
        headers: {
          'X-AS-Target-URL': `http://${host}:${options.upstream}/${kind}/${size}`,
          'X-AS-Inject-Bearer': 'SOAK_KEY',
          ...(body === undefined ? {} : { 'content-type': type, 'content-length': body.length }),
        },
      });
      const end = (what: string): void => {
        note(what);
        resolve();
      };
      const leave =
        kind === 'slow'
          ? setTimeout(() => {
              aborted = true;
              outgoing.destroy();
            }, random() * 60)
          : undefined;
      outgoing.on('response', (incoming) => {
        let whole = false;
        answered = true;
        incoming.on('end', () => {
          whole = true;
        });
        incoming.on('close', () => {
          clearTimeout(leave);
          end(whole ? String(incoming.statusCode) : aborted ? 'aborted' : 'cut');
        });
        incoming.on('error', () => undefined).resume();
      });
      outgoing.on('error', () => {
        clearTimeout(leave);
        // Otherwise the answer's own end tells.
        if (!answered) end(aborted ? 'aborted' : 'cut');
      });
      outgoing.end(body);
    });
  }

  return {
    seen,
    calls: () => calls,
    async run(connections, more) {
      await Promise.all(
        Array.from({ length: connections }, async () => {
          while (more()) {
            calls++;
            await one(oneOf(WHEEL));
          }
        }),
      );
    },
    close: () => agent.destroy(),
  };
}
