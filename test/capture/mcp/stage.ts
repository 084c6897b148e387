/** A session over streams, with a recorder in this process and a server that the test plays. */
import { PassThrough } from 'node:stream';
import { environmentHider } from '../../../src/capture/mcp/environment.ts';
import { createPump } from '../../../src/capture/mcp/pump.ts';
import { createRecording } from '../../../src/capture/mcp/recording.ts';
import { ownRun } from '../../../src/capture/mcp/run.ts';
import { createSession } from '../../../src/capture/mcp/session.ts';
import type { Entry } from '../../../src/core/entry.ts';
import { ulidSource } from '../../../src/core/ulid.ts';
import { random } from '../../../src/open/lock.ts';
import type { Ask, Client } from '../../../src/recorder/ops.ts';
import { entriesOf, machine } from '../../support/recorder.ts';
import { PERSON, serviceOf } from '../../support/serve.ts';
import { assertVerifies } from '../../support/verify.ts';

export interface Stage {
  /** What the client writes. */
  say(...messages: readonly (object | string)[]): void;
  /** What the server writes. */
  reply(...messages: readonly (object | string)[]): void;
  /** Every byte that the server, and the client, got so far. */
  readonly toServer: () => Buffer;
  readonly toClient: () => Buffer;
  /** Resolves when the server has that line, or the client has that answer. */
  served(text: string): Promise<void>;
  answered(text: string): Promise<string>;
  /** The client hangs up; everything is on record afterwards. The log verifies. */
  end(): Promise<readonly Entry[]>;
  readonly ask: Ask;
  readonly warnings: readonly string[];
}

const CLIENT: Client = { surface: 'mcp', user: 'dev', uid: 1000, pid: 7 };

export async function stage(
  options: {
    readonly policy?: string;
    readonly env?: Record<string, string>;
    readonly ask?: (ask: Ask) => Ask;
    /** Answers each line that the server gets. */
    readonly server?: (line: string) => readonly (object | string)[];
  } = {},
): Promise<Stage> {
  const box = await machine();
  const recorder = await box.open({
    payloads: {},
    owner: { id: 'ada' },
    ...(options.policy === undefined ? {} : { policy: options.policy }),
  });
  const { handle } = serviceOf(recorder);
  const plain: Ask = (op, params) => handle(op, params, CLIENT);
  const ask = options.ask?.(plain) ?? plain;
  const [clientIn, clientOut, serverIn, serverOut] = Array.from({ length: 4 }, () => new PassThrough());
  if (!clientIn || !clientOut || !serverIn || !serverOut) throw new Error('four streams');
  const got = { server: [] as Buffer[], client: [] as Buffer[] };
  const looks = new Set<() => void>();
  const warnings: string[] = [];
  const ulid = ulidSource(random);
  const run = ownRun(ask, { command: 'server', agent_id: 'probe' }, () => performance.now());
  await run.token();
  const recording = createRecording({
    ask,
    run,
    makeId: () => `log_${ulid(Date.now())}`,
    hide: environmentHider(options.env ?? {}),
    without: async (_asked, cause) => {
      throw cause;
    },
    lost: (count) => warnings.push(`lost ${count}`),
    warn: (line) => warnings.push(line),
  });
  const pump = createPump({ clientIn, clientOut, serverIn, serverOut });
  const session = createSession({ server: 'files', recording });
  let unread = '';
  serverIn.on('data', (chunk: Buffer) => {
    got.server.push(chunk);
    unread += chunk.toString('latin1');
    const lines = unread.split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) for (const answer of options.server?.(line) ?? []) write(serverOut, answer);
    for (const look of looks) look();
  });
  clientOut.on('data', (chunk: Buffer) => {
    got.client.push(chunk);
    for (const look of looks) look();
  });
  pump.start(session);
  const text = (of: 'server' | 'client'): string => Buffer.concat(got[of]).toString();

  function until(found: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`never came: ${what}; ${text('client')}`)), 10_000);
      const look = (): void => {
        if (!found()) return;
        clearTimeout(late);
        looks.delete(look);
        resolve();
      };
      looks.add(look);
      look();
    });
  }

  return {
    ask: (op, params) => handle(op, params, PERSON),
    warnings,
    say(...messages) {
      for (const one of messages) write(clientIn, one);
    },
    reply(...messages) {
      for (const one of messages) write(serverOut, one);
    },
    toServer: () => Buffer.concat(got.server),
    toClient: () => Buffer.concat(got.client),
    served: (wanted) => until(() => text('server').includes(wanted), wanted),
    async answered(wanted) {
      await until(() => text('client').includes(wanted), wanted);
      return (
        text('client')
          .split('\n')
          .find((line) => line.includes(wanted)) ?? ''
      );
    },
    async end() {
      const finished = new Promise((resolve) => serverIn.once('end', resolve));
      clientIn.end();
      await finished;
      serverOut.end();
      await pump.said;
      session.end({ kind: 'client_left', words: 'the test is over' });
      await recording.close();
      await run.end({ status: 'ok' });
      await recorder.close('test');
      await assertVerifies(box);
      return entriesOf(box.disk);
    },
  };
}

function write(stream: PassThrough, one: object | string): void {
  stream.write(typeof one === 'string' ? Buffer.from(one, 'latin1') : `${JSON.stringify(one)}\n`);
}

export function call(id: string | number, name: string, args: object = {}): object {
  return { method: 'tools/call', params: { name, arguments: args }, jsonrpc: '2.0', id };
}

/** Answers every call with its own name. */
export function echo(line: string): readonly object[] {
  const { id, method, params } = JSON.parse(line) as {
    id?: unknown;
    method: string;
    params?: { name: string };
  };
  if (method !== 'tools/call' || id === undefined) return [];
  return [{ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: `did ${params?.name}` }] } }];
}
