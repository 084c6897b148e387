/** The real built program in a home of its own, over real processes and sockets. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SIGNALS } from '../../src/capture/agent/signals.ts';
import { openVault } from '../../src/capture/secrets/vault.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/tally.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as one JSON document. */
  json(): Record<string, unknown>;
  /** The error that was told on standard error. */
  error(): { readonly code: string; readonly message: string; readonly hint?: string };
}

export interface Started {
  readonly process: ChildProcess;
  /** What came so far. */
  output(): string;
  /** Resolves when standard output or standard error holds it. */
  until(text: string | RegExp): Promise<string>;
  readonly ended: Promise<Result>;
}

/** What an entry says of the end of what it records. */
export function outcomeOf(entry: StoredEntry | undefined): Record<string, unknown> {
  assert.ok(entry, 'there is such an entry');
  return (entry.outcome ?? {}) as Record<string, unknown>;
}

export interface RunOptions {
  readonly stdin?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input stays open; the test ends it. */
  readonly open?: boolean;
  readonly cwd?: string;
}

export interface StoredEntry {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly phase: string;
  readonly [field: string]: unknown;
}

export interface Home {
  readonly directory: string;
  readonly log: string;
  tally(args: readonly string[], options?: RunOptions): Promise<Result>;
  start(args: readonly string[], options?: RunOptions): Started;
  /** `tally up` on a free port, ready for calls. */
  up(...args: readonly string[]): Promise<{ readonly url: string; readonly started: Started }>;
  entries(type?: string): readonly StoredEntry[];
}

/** Removed after the test, with every process that was started in it. */
export function makeHome(t: TestContext): Home {
  assert.ok(existsSync(BUILT), 'the program is not built: npm run build');
  const directory = mkdtempSync(join(tmpdir(), 'tally-cli-'));
  const alive = new Set<ChildProcess>();
  t.after(async () => {
    for (const child of alive) child.kill('SIGKILL');
    await Promise.all([...alive].map((child) => new Promise((resolve) => child.once('close', resolve))));
    rmSync(directory, { recursive: true, force: true });
  });
  const log = join(directory, 'logs', 'local');

  function start(args: readonly string[], options: RunOptions = {}): Started {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: {
        ...cleanEnvironment(),
        TALLY_HOME: directory,
        XDG_RUNTIME_DIR: join(directory, 'r'),
        // Tests run side by side: none may take the port that another one expects.
        TALLY_UI_PORT: '0',
        ...options.env,
      },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    alive.add(child);
    const texts = { stdout: '', stderr: '' };
    const waiting = new Set<() => void>();
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        texts[name] += text;
        for (const look of waiting) look();
      });
    }
    // A program that does not read its input closes it early.
    child.stdin.on('error', () => undefined);
    if (options.open !== true) child.stdin.end(options.stdin);
    const ended = new Promise<Result>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        alive.delete(child);
        for (const look of waiting) look();
        resolve(resultOf(code, signal, texts));
      });
    });
    const output = (): string => texts.stdout + texts.stderr;
    return {
      process: child,
      output,
      ended,
      until: (text) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            const all = output();
            if (typeof text === 'string' ? all.includes(text) : text.test(all)) {
              waiting.delete(look);
              resolve(all);
            } else if (!alive.has(child)) reject(new Error(`it ended without ${text}:\n${all}`));
          };
          waiting.add(look);
          look();
        }),
    };
  }

  return {
    directory,
    log,
    start,
    tally: (args, options) => start(args, options).ended,
    async up(...args) {
      const started = start(['up', '--port', '0', ...args]);
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(await started.until(/broker\s+http.*\n(.*\n)*look/))?.[0];
      assert.ok(url);
      return { url, started };
    },
    entries(type) {
      const folder = join(log, 'entries');
      const lines = readdirSync(folder)
        .filter((name) => name.endsWith('.jsonl'))
        .sort()
        .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
      const all = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as StoredEntry);
      return type === undefined ? all : all.filter((entry) => entry.type === type);
    },
  };
}

/** Tests may themselves be started by a coding agent, or inside a recorded run. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  const gone = ['AI_AGENT', 'FORCE_COLOR', 'NO_COLOR', ...SIGNALS.map(({ variable }) => variable)];
  for (const name of Object.keys(env)) if (gone.includes(name) || name.startsWith('TALLY_')) delete env[name];
  return env;
}

function resultOf(
  code: number | null,
  signal: NodeJS.Signals | null,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
): Result {
  return {
    code,
    signal,
    stdout,
    stderr,
    json: () => JSON.parse(stdout) as Record<string, unknown>,
    error() {
      const line = stderr.split('\n').find((text) => text.startsWith('{"error":'));
      assert.ok(line, `no error was told: ${stderr}`);
      return (JSON.parse(line) as { error: ReturnType<Result['error']> }).error;
    },
  };
}

export interface Upstream {
  readonly url: string;
  readonly host: string;
  readonly seen: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }[];
}

/**
 * A server on 127.0.0.1: /echo gives back what it got, /status/N answers N, /slow never ends, /stream sends three
 * events, everything else answers "hello".
 */
export async function startUpstream(t: TestContext): Promise<Upstream> {
  const seen: Upstream['seen'] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body });
      if (url === '/slow') response.write('first');
      else if (url === '/echo')
        response.end(JSON.stringify({ method, authorization: headers.authorization, body }));
      else if (url === '/binary') response.end(Buffer.of(0xff, 0xfe, 0x00));
      else if (url.startsWith('/status/')) response.writeHead(Number(url.slice(8))).end('no\n');
      else response.end('hello');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${host}`, host, seen };
}

/** A home whose policy allows an upstream, with one credential in its vault. Nothing is recorded yet. */
export async function readyHome(t: TestContext): Promise<{ home: Home; upstream: Upstream; secret: string }> {
  const home = makeHome(t);
  const upstream = await startUpstream(t);
  const [host, port] = upstream.host.split(':');
  const line = `{ host: ${host}, port: ${port}, http: true, internal: true }`;
  writeFileSync(
    join(home.directory, 'tally.policy.yaml'),
    `# of the test\nversion: "1"\nallowlist:\n  - ${line}\n`,
    { mode: 0o600 },
  );
  const secret = `value-${randomBytes(12).toString('hex')}`;
  const vault = openVault({
    path: join(home.directory, 'vault', 'secrets.vault'),
    key: { path: join(home.directory, 'keys', 'vault.key') },
  });
  await vault.set('KEY', secret);
  vault.close();
  return { home, upstream, secret };
}
