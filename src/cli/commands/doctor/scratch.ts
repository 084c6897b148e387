/**
 * A broker of doctor's own with its log, vault, authority and policy, in a directory that is gone afterwards, and an
 * upstream with TLS on 127.0.0.1. Nothing of the machine's own is touched; what fails here fails for every run.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SecureContext, TLSSocket } from 'node:tls';
import { type Authority, ensureCa } from '../../../capture/ca/authority.ts';
import { createLeaves } from '../../../capture/ca/leaves.ts';
import { createBroker } from '../../../capture/proxy/broker.ts';
import { placeholderFor } from '../../../capture/proxy/placeholder.ts';
import { systemResolve } from '../../../capture/proxy/resolve.ts';
import { openSession, type Session } from '../../../open.ts';
import { locate, type Paths } from '../../../paths.ts';
import type { LocalRecorder } from '../../../recorder/recorder.ts';
import type { Context } from '../../context.ts';
import { setUp } from '../../setup.ts';

const KEY = 'DOCTOR_KEY';
export const HOST = '127.0.0.1';

export interface Scratch {
  readonly paths: Paths;
  readonly authority: Authority;
  readonly session: Session;
  readonly recorder: LocalRecorder;
  /** Of the broker. */
  readonly url: string;
  /** Of a run. */
  readonly token: string;
  /** What a program of that run has in place of the credential. */
  readonly placeholder: string;
  /** Where the upstream listens. */
  readonly port: number;
  /** Whether a request with this path came to the upstream, and with the credential itself. */
  arrived(path: string): 'no' | 'bare' | 'with the credential';
  /** Whether the credential is in it. */
  shows(text: string): boolean;
}

type Closing = (() => unknown)[];

export async function withScratch<T>(context: Context, body: (scratch: Scratch) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'tally-doctor-'));
  const closing: Closing = [() => rmSync(directory, { recursive: true, force: true })];
  try {
    return await body(await open(context, directory, closing));
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function open(context: Context, directory: string, closing: Closing): Promise<Scratch> {
  const uid = process.getuid?.() ?? 0;
  const env = { TALLY_HOME: directory, XDG_RUNTIME_DIR: join(directory, 'r') };
  const paths = locate({ env, home: directory, tmp: directory, uid });
  setUp(paths);
  const authority = await ensureCa(paths, context.now);
  const leaves = createLeaves(paths, context.now);
  const upstream = await serve(await leaves.of(HOST), closing);
  writeFileSync(paths.policyFile, policyOf(upstream.port), { mode: 0o600 });
  const client = { surface: 'cli', pid: process.pid } as const;
  const session = await openSession({ paths, client, require: 'writer', onWarning: () => undefined });
  closing.push(() => session.close());
  const { recorder, vault } = session;
  if (recorder === undefined) throw new Error('its log is not ours to write');
  const value = randomBytes(24).toString('base64url');
  await vault.set(KEY, value);
  const broker = createBroker({
    recorder,
    vault,
    resolve: systemResolve,
    leaves,
    config: { port: 0, version: context.version, extraCa: [authority.certificate] },
    onError: (error) => context.warn(error instanceof Error ? error.message : String(error)),
  });
  const url = await broker.listen();
  closing.push(() => broker.close());
  const { token } = await session.ask('run.start', { command: 'tally doctor' });
  const right = digest(`Bearer ${value}`);
  return {
    paths,
    authority,
    session,
    recorder,
    url,
    token,
    placeholder: placeholderFor(token, KEY),
    port: upstream.port,
    arrived(path) {
      const seen = upstream.seen.get(path);
      return seen === undefined ? 'no' : seen === right ? 'with the credential' : 'bare';
    },
    shows: (text) => text.includes(value),
  };
}

/** Of credentials, only digests are held on to. */
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

function policyOf(port: number): string {
  return `version: doctor
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: ${HOST}, port: ${port}, internal: true }]
credentials: { ${KEY}: { hosts: [${HOST}] } }
`;
}

interface Upstream {
  readonly port: number;
  /** Digest of the Authorization header that came last with each path. */
  readonly seen: ReadonlyMap<string, string>;
}

/** Sends back what it was sent, so that there is something to take out. */
async function serve(context: SecureContext, closing: Closing): Promise<Upstream> {
  const seen = new Map<string, string>();
  const sockets = new Set<Socket>();
  const http = createServer(({ headers: { authorization = '' }, url = '' }, response) => {
    seen.set(url.split('?', 1)[0] ?? '', digest(authorization));
    response.end(`you sent ${authorization}\n`);
  });
  const tcp = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
    const secure = new TLSSocket(socket, { isServer: true, secureContext: context });
    secure.on('error', () => secure.destroy());
    http.emit('connection', secure);
  });
  await listening(tcp);
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    tcp.close();
  });
  return { port: (tcp.address() as AddressInfo).port, seen };
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
}
