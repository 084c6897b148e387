/**
 * A broker with a real recorder over bytes in memory, a real vault in a temporary directory, and real upstream servers
 * on 127.0.0.1. What a test wants to see of the log it reads from the stored bytes.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createLeaves, type Leaves } from '../../../src/capture/ca/leaves.ts';
import { type Broker, createBroker } from '../../../src/capture/proxy/broker.ts';
import type { BrokerConfig } from '../../../src/capture/proxy/broker-options.ts';
import type { Callers } from '../../../src/capture/proxy/caller.ts';
import { openVault, type Vault } from '../../../src/capture/secrets/vault.ts';
import type { Entry } from '../../../src/core/entry.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import type { LogStore } from '../../../src/core/ports.ts';
import type { Recorder } from '../../../src/recorder/api.ts';
import type { LocalRecorder } from '../../../src/recorder/recorder.ts';
import { entriesOf, type Machine, machine } from '../../support/recorder.ts';
import { assertVerifies } from '../../support/verify.ts';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface StageOptions {
  /** Names that resolve; others do not. Each lookup asks anew. */
  readonly names?: (host: string) => readonly string[] | Promise<readonly string[]>;
  readonly config?: Partial<BrokerConfig>;
  readonly wrapStore?: (store: LogStore) => LogStore;
  readonly wrapRecorder?: (recorder: LocalRecorder) => Recorder;
  readonly leaves?: Leaves;
  readonly callers?: Callers;
  readonly wrapVault?: (vault: Vault) => Vault;
  readonly ownPorts?: () => ReadonlySet<number>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly body: Buffer;
  readonly text: string;
  readonly json: () => Record<string, unknown>;
}

export interface CallOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Uint8Array;
}

export interface Stage {
  readonly box: Machine;
  readonly recorder: LocalRecorder;
  readonly broker: Broker;
  readonly vault: Vault;
  /** Holds ca/. */
  readonly state: string;
  readonly url: string;
  readonly port: number;
  readonly errors: unknown[];
  /** Starts an upstream, allows it in the policy, and gives its origin. */
  upstream(handler: RequestListener, options?: UpstreamOptions): Promise<Upstream>;
  /** One line of the allowlist more. */
  allow(line: string): Promise<void>;
  policy(text: string): Promise<void>;
  call(options: CallOptions): Promise<Answer>;
  /** A call to `target` with a bearer credential KEY. */
  get(target: string, headers?: CallOptions['headers']): Promise<Answer>;
  entries(type?: string): Entry[];
  /** The pre_exec and post_exec of the only call so far. */
  pair(): { pre: Entry; post: Entry };
  /** Waits until no call is under way and every entry is durable. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

export interface UpstreamOptions {
  readonly tls?: Certificate;
  /** The name that the policy allows and the URL shows; 127.0.0.1 otherwise. */
  readonly host?: string;
  readonly line?: string;
}

export interface Upstream {
  readonly origin: string;
  readonly port: number;
  readonly server: Server;
  /** Requests seen. */
  readonly count: () => number;
}

export async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

export async function stage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), 'broker-'));
  const box = await machine();
  const recorder = await box.open(options.wrapStore === undefined ? {} : { wrap: options.wrapStore });
  const plainVault = openVault({
    path: join(directory, 'secrets', 'vault.json'),
    key: { path: join(directory, 'keys', 'vault.key') },
  });
  const vault = options.wrapVault?.(plainVault) ?? plainVault;
  vault.onChange((name, value) => {
    if (value === undefined) recorder.secrets.delete(name);
    else recorder.secrets.set(name, value.toString('utf8'));
  });
  const errors: unknown[] = [];
  const broker = createBroker({
    recorder: options.wrapRecorder?.(recorder) ?? recorder,
    vault,
    callers: options.callers,
    resolve: async (host) => {
      const addresses = await options.names?.(host);
      if (addresses === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
      return addresses;
    },
    leaves: options.leaves ?? createLeaves({ state: directory }, () => Date.now()),
    ...(options.ownPorts === undefined ? {} : { ownPorts: options.ownPorts }),
    config: { port: 0, version: '0.0.0-test', ...options.config },
    onError: (error) => errors.push(error),
  });
  const url = await broker.listen();
  const port = Number(new URL(url).port);
  const lines: string[] = [];

  async function policy(text: string): Promise<void> {
    await recorder.usePolicy(compilePolicy(text, { id: 'local' }));
  }
  async function allow(line: string): Promise<void> {
    lines.push(`  - ${line}`);
    await policy(
      `version: "1"\nidentity: { anonymous: allow, declared: allow }\nallowlist:\n${lines.join('\n')}\n`,
    );
  }
  await policy('version: "1"\nidentity: { anonymous: allow, declared: allow }\nallowlist: []\n');

  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    await broker.close();
    if (recorder.failure() === undefined) {
      await recorder.close('test');
      await assertVerifies(box);
    }
    plainVault.close();
    rmSync(directory, { recursive: true, force: true });
  }
  t.after(() => (closed ??= close()));

  const self: Stage = {
    box,
    recorder,
    broker,
    vault,
    state: directory,
    url,
    port,
    errors,
    allow,
    policy,
    async upstream(handler, upstreamOptions = {}) {
      let count = 0;
      const counting: RequestListener = (req, res) => {
        count++;
        handler(req, res);
      };
      const { tls, host = '127.0.0.1' } = upstreamOptions;
      const server = tls === undefined ? createServer(counting) : createTlsServer(tls, counting);
      const upstreamPort = await listen(t, server);
      const http = tls === undefined ? ', http: true' : '';
      await allow(upstreamOptions.line ?? `{ host: ${host}, port: ${upstreamPort}${http}, internal: true }`);
      const scheme = tls === undefined ? 'http' : 'https';
      return {
        origin: `${scheme}://${host}:${upstreamPort}`,
        port: upstreamPort,
        server,
        count: () => count,
      };
    },
    call: (callOptions) => send(port, callOptions),
    get: (target, headers) =>
      send(port, { headers: { 'X-AS-Target-URL': target, 'X-AS-Inject-Bearer': 'KEY', ...headers } }),
    entries: (type = 'http.call') => entriesOf(box.disk).filter((entry) => entry.type === type),
    pair() {
      const found = self.entries();
      assert.equal(found.length, 2, JSON.stringify(found, undefined, 1));
      const [pre, post] = found;
      assert.ok(pre !== undefined && post !== undefined);
      assert.equal(pre.phase, 'pre_exec');
      assert.equal(post.phase, 'post_exec');
      assert.equal(post.parent_id, pre.id);
      assert.equal(post.action?.key, pre.action?.key);
      assert.equal(post.step_id, pre.step_id);
      return { pre, post };
    },
    async quiet() {
      const deadline = performance.now() + 5_000;
      while (broker.stats().active > 0 || recorder.openActions() > 0) {
        assert.ok(performance.now() < deadline, 'a call is still under way');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await recorder.checkpoint();
    },
    close: () => (closed ??= close()),
  };
  return self;
}

export function send(port: number, options: CallOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { body, headers = {} } = options;
    // node:http frames no body of a GET by itself.
    const framed = body === undefined || headers['Transfer-Encoding'] !== undefined;
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: options.path ?? '/proxy',
      method: options.method ?? 'GET',
      headers: framed ? headers : { ...headers, 'Content-Length': String(Buffer.byteLength(body)) },
      agent: false,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => readAnswer(incoming).then(resolve, reject));
    outgoing.end(body);
  });
}

export async function readAnswer(incoming: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const text = body.toString('utf8');
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    trailers: incoming.trailers,
    body,
    text,
    json: () => JSON.parse(text) as Record<string, unknown>,
  };
}

/**
 * Bytes as they are, on a connection of their own; resolves with everything that came back. Where the broker does not end
 * the connection, we do after a while.
 */
export function raw(port: number, text: string | Buffer, ends: 'us' | 'broker' = 'us'): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (data) => {
      answer += data.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    if (ends === 'us') setTimeout(() => socket.end(), 200).unref();
  });
}

export async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Answers with everything it was sent, as JSON. */
export function echo(incoming: IncomingMessage, response: ServerResponse): void {
  readAll(incoming).then((body) => {
    const text = JSON.stringify({
      method: incoming.method,
      url: incoming.url,
      headers: incoming.headers,
      raw: incoming.rawHeaders,
      body: body.toString('utf8'),
    });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(text);
  });
}

export const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for something that happens on its own time. */
export async function until(condition: () => boolean, what: string, ms = 5_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `${what} did not happen`);
    await later(5);
  }
}
