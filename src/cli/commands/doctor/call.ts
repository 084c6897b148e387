/**
 * One real call through a broker of doctor's own, in a directory of its own that is gone afterwards: a program's CONNECT,
 * TLS that ends in the broker, a placeholder, an upstream with TLS on 127.0.0.1, and the two entries. Nothing of the
 * machine's own log, policy, vault or authority is touched; what fails here fails for every run.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SecureContext, TLSSocket, connect as tlsConnect } from 'node:tls';
import { ensureCa } from '../../../capture/ca/authority.ts';
import { createLeaves } from '../../../capture/ca/leaves.ts';
import { createBroker } from '../../../capture/proxy/broker.ts';
import { placeholderFor } from '../../../capture/proxy/placeholder.ts';
import { systemResolve } from '../../../capture/proxy/resolve.ts';
import { openSession, type Session } from '../../../open.ts';
import { locate, type Paths } from '../../../paths.ts';
import type { Context } from '../../context.ts';
import { setUp } from '../../setup.ts';
import { type Check, fail, ok } from './check.ts';

const KEY = 'DOCTOR_KEY';
const HOST = '127.0.0.1';
const LONGEST_MS = 10_000;
const MEND = 'try it with a program: tally run -- curl -sS https://HOST/ (after tally policy allow HOST)';

export async function checkCall(context: Context): Promise<Check> {
  const directory = mkdtempSync(join(tmpdir(), 'tally-doctor-'));
  const closing: (() => unknown)[] = [];
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no end within ${LONGEST_MS / 1000} s`)), LONGEST_MS);
    });
    const problem = await Promise.race([attempt(context, directory, closing), late]);
    const ms = Math.round(performance.now() - started);
    return problem === undefined
      ? ok(
          'call',
          `one was made over TLS through a broker in a scratch directory, recorded and scrubbed (${ms} ms)`,
        )
      : fail('call', `through a broker in a scratch directory: ${problem}`, MEND);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fail('call', `none could be made through a broker in a scratch directory: ${why}`, MEND);
  } finally {
    clearTimeout(timer);
    for (const close of closing.reverse()) await close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What was not as it has to be; undefined: all was well. */
async function attempt(
  context: Context,
  directory: string,
  closing: (() => unknown)[],
): Promise<string | undefined> {
  const uid = process.getuid?.() ?? 0;
  const env = { TALLY_HOME: directory, XDG_RUNTIME_DIR: join(directory, 'r') };
  const paths = locate({ env, home: directory, tmp: directory, uid });
  setUp(paths);
  const value = randomBytes(24).toString('base64url');
  const authority = await ensureCa(paths, context.now);
  const leaves = createLeaves(paths, context.now);
  const upstream = await serve(await leaves.of(HOST), closing);
  writeFileSync(paths.policyFile, policyOf(upstream.port), { mode: 0o600 });
  const session = await openScratch(paths, closing);
  await session.vault.set(KEY, value);
  const { recorder, vault } = session;
  if (recorder === undefined) return 'its log is not ours to write';
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
  const before = recorder.size();
  const answer = await callThrough(url, upstream.port, token, authority.certificate);
  if (!/^HTTP\/1\.1 200 /.test(answer))
    return `it was answered with ${answer.slice(9, 12)}: ${bodyOf(answer)}`;
  const sent = upstream.seen();
  if (sent !== digest(`Bearer ${value}`)) return 'the credential did not arrive at the upstream';
  if (answer.includes(value)) return 'the credential was not taken out of the answer';
  // The second entry may be on its way to the disk still.
  await session.ask('checkpoint', {});
  const entries = recorder.size() - before;
  return entries < 2 ? `it left ${entries} of its two entries` : undefined;
}

const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n')).trim();

/** Of credentials, only digests are held on to. */
const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

function policyOf(port: number): string {
  return `version: doctor
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: ${HOST}, port: ${port}, internal: true }]
credentials: { ${KEY}: { hosts: [${HOST}] } }
`;
}

async function openScratch(paths: Paths, closing: (() => unknown)[]): Promise<Session> {
  const client = { surface: 'cli', pid: process.pid } as const;
  const session = await openSession({ paths, client, require: 'writer', onWarning: () => undefined });
  closing.push(() => session.close());
  return session;
}

interface Upstream {
  readonly port: number;
  /** Digest of the Authorization header that came last. */
  seen(): string | undefined;
}

/** Sends back what it was sent, so that there is something to take out. */
async function serve(context: SecureContext, closing: (() => unknown)[]): Promise<Upstream> {
  let seen: string | undefined;
  const sockets = new Set<Socket>();
  const http = createServer((incoming: IncomingMessage, response) => {
    const { authorization = '' } = incoming.headers;
    seen = digest(authorization);
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
  return { port: (tcp.address() as AddressInfo).port, seen: () => seen };
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
}

/** As a program does it that knows of a proxy and of its authority, and of nothing else. Resolves to the whole answer. */
function callThrough(broker: string, port: number, token: string, ca: string): Promise<string> {
  const proxy = new URL(broker);
  const basic = Buffer.from(`run:${token}`).toString('base64');
  return new Promise((resolve, reject) => {
    const connecting = request({
      host: proxy.hostname,
      port: proxy.port,
      method: 'CONNECT',
      path: `${HOST}:${port}`,
      headers: { host: `${HOST}:${port}`, 'proxy-authorization': `Basic ${basic}` },
      agent: false,
    });
    connecting.once('error', reject);
    connecting.once('response', ({ statusCode }) =>
      reject(new Error(`CONNECT was answered with ${statusCode}`)),
    );
    connecting.once('connect', (response, socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        reject(new Error(`CONNECT was answered with ${response.statusCode}`));
        return;
      }
      const secure = tlsConnect({ socket, host: HOST, ca });
      let text = '';
      secure.setEncoding('latin1').on('data', (part: string) => {
        text += part;
      });
      secure.once('error', reject).once('end', () => resolve(text));
      secure.write(
        `GET /doctor HTTP/1.1\r\nHost: ${HOST}:${port}\r\nAuthorization: Bearer ${placeholderFor(token, KEY)}\r\nConnection: close\r\n\r\n`,
      );
    });
    connecting.end();
  });
}
