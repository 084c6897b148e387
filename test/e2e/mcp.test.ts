import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Entry } from '../../src/core/entry.ts';
import { type Home, makeHome, until } from '../support/home.ts';
import { type McpPackages, mcpPackages } from '../support/mcp-packages.ts';

const COUNTER = fileURLToPath(new URL('./mcp-counter.ts', import.meta.url));
const KILLS = Number(process.env.TALLY_MCP_KILLS ?? 3);
const POLICY = `version: "1"
allowlist: []
tools:
  mcp.files.write_file: { interactive: { permission: stop } }
  mcp.every.get-sum: { interactive: { permission: stop } }
defaults: { interactive: { permission: allow } }
`;

async function prepared(): Promise<Home> {
  const home = await makeHome();
  const policy = join(home.directory, 'p.yaml');
  await writeFile(policy, POLICY);
  const set = await home.tally(['policy', 'set', policy]);
  assert.equal(set.code, 0, set.stderr);
  return home;
}

async function entriesOf(home: Home): Promise<readonly Entry[]> {
  const { stdout, stderr, code } = await home.tally(['log', 'export', '--format', 'jsonl']);
  assert.equal(code, 0, stderr);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
}

/** Writes lines and reads answers one by one, so that the order of the bytes is the servers'. */
async function talk(child: ChildProcess, lines: readonly object[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const lineCount = (): number => Buffer.concat(chunks).filter((byte) => byte === 0x0a).length;
  for (const [i, line] of lines.entries()) {
    child.stdin?.write(`${JSON.stringify(line)}\n`);
    await until(() => lineCount() > i, `answer ${i}`);
  }
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  await ended;
  return Buffer.concat(chunks);
}

const request = (id: number, method: string, params: object = {}): object => ({
  method,
  params,
  jsonrpc: '2.0',
  id,
});
const call = (id: number, name: string, args: object = {}): object =>
  request(id, 'tools/call', { name, arguments: args });

const packages = await mcpPackages();
/** Of the packages; tests that ask are skipped without them. */
function there(): McpPackages {
  assert.ok(typeof packages !== 'string');
  return packages;
}

describe('a public client and public servers behind tally mcp', () => {
  const missing = typeof packages === 'string';
  let home: Home;

  before(async () => {
    home = await prepared();
  });
  after(() => home.remove());

  it('answers byte for byte as without it, but for what is stopped, and every call is a pair', {
    skip: missing && 'needs the public MCP packages, which npm could not install',
  }, async () => {
    const files = join(home.directory, 'files');
    await mkdir(files, { recursive: true });
    await writeFile(join(files, 'a.txt'), 'grüße\u2028\n');
    const server = [there().server('filesystem'), files];
    const lines = [
      request(0, 'initialize', {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'probe', version: '1' },
      }),
      request(1, 'tools/list'),
      call(2, 'read_text_file', { path: join(files, 'a.txt') }),
      call(3, 'list_directory', { path: files }),
      call(4, 'read_text_file', { path: '/etc/passwd' }),
      call(5, 'no_such_tool'),
      request(6, 'no/such/method'),
    ];
    const bare = await talk(spawn(process.execPath, server, { env: home.env }), lines);
    const wrapped = home.start(['mcp', 'wrap', '--name', 'files', '--', process.execPath, ...server]);
    assert.ok((await talk(wrapped, lines)).equals(bare));
    const stopped = await talk(
      home.start(['mcp', 'wrap', '--name', 'files', '--', process.execPath, ...server]),
      [call(7, 'write_file', { path: join(files, 'b.txt'), content: 'x' })],
    );
    assert.match(stopped.toString(), /"isError":true/);
    assert.ok(!existsSync(join(files, 'b.txt')));
    const entries = await entriesOf(home);
    const pairs = entries
      .filter(({ type }) => type === 'tool.call')
      .map(({ id, action, decision }) => [
        action?.name,
        decision?.outcome,
        entries.find(({ parent_id, type }) => parent_id === id && type === 'tool.result')?.outcome?.status,
      ]);
    assert.deepEqual(pairs, [
      ['mcp.files.read_text_file', 'allow', 'ok'],
      ['mcp.files.list_directory', 'allow', 'ok'],
      ['mcp.files.read_text_file', 'allow', 'error'],
      ['mcp.files.no_such_tool', 'allow', 'error'],
      ['mcp.files.write_file', 'stop', 'blocked'],
    ]);
    const verified = await home.tally(['verify', '--completeness']);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  });

  for (const kind of ['streamableHttp', 'sse'] as const) {
    it(`serves a client over ${kind}, whose calls are pairs`, {
      skip: missing && 'needs the public MCP packages, which npm could not install',
    }, async () => {
      const port = 20_000 + (process.pid % 20_000) + (kind === 'sse' ? 1 : 0);
      const every = spawn(process.execPath, [there().server('everything'), kind], {
        env: { ...home.env, PORT: String(port) },
      });
      const path = kind === 'sse' ? '/sse' : '/mcp';
      const upstream = `http://127.0.0.1:${port}${path}`;
      await until(
        () =>
          fetch(upstream, { method: 'PUT' }).then(
            () => true,
            () => undefined,
          ),
        'the server',
      );
      const allowed = await home.tally(['policy', 'allow', `127.0.0.1:${port}`, '--http', '--internal']);
      assert.equal(allowed.code, 0, allowed.stderr);
      const gateway = home.start([
        'mcp',
        'gateway',
        '--name',
        'every',
        '--upstream',
        upstream,
        '--http',
        '--json',
      ]);
      let client: InstanceType<SdkClient> | undefined;
      try {
        let told = '';
        gateway.stdout?.on('data', (chunk: Buffer) => (told += chunk.toString()));
        const line = await until(() => (told.includes('\n') ? told : undefined), 'the address');
        const { url } = JSON.parse(line) as { url: string };
        const { Client } = (await import(there().client('client/index.js'))) as { Client: SdkClient };
        const transports = (await import(
          there().client(kind === 'sse' ? 'client/sse.js' : 'client/streamableHttp.js')
        )) as Record<string, new (url: URL) => object>;
        const [Transport] = [transports.SSEClientTransport ?? transports.StreamableHTTPClientTransport];
        assert.ok(Transport !== undefined);
        client = new Client({ name: 'probe', version: '1' });
        await client.connect(new Transport(new URL(url)));
        assert.ok((await client.listTools()).tools.length > 3);
        const echo = await client.callTool({ name: 'echo', arguments: { message: kind } });
        assert.deepEqual(echo.content, [{ type: 'text', text: `Echo: ${kind}` }]);
        const sum = await client.callTool({ name: 'get-sum', arguments: { a: 1, b: 2 } });
        assert.equal(sum.isError, true);
        assert.match(JSON.stringify(sum.content), /Tallystick stopped mcp\.every\.get-sum/);
        assert.equal(
          (await fetch(url, { method: 'POST', headers: { origin: 'https://evil.example' } })).status,
          403,
        );
        assert.equal((await fetch(new URL('/other', url), { method: 'POST', body: '{}' })).status, 404);
      } finally {
        await client?.close();
        const over = new Promise((resolve) => gateway.once('exit', resolve));
        gateway.kill('SIGINT');
        await over;
        every.kill('SIGKILL');
      }
      const entries = (await entriesOf(home)).filter(({ action }) => action?.name?.startsWith('mcp.every.'));
      const calls = entries.filter(({ type }) => type === 'tool.call').slice(-2);
      assert.deepEqual(
        calls.map(({ action, decision }) => [action?.name, decision?.outcome, action?.target?.path]),
        [
          ['mcp.every.echo', 'allow', path],
          ['mcp.every.get-sum', 'stop', path],
        ],
      );
    });
  }
});

interface SdkClient {
  new (
    info: object,
  ): {
    connect(transport: object): Promise<void>;
    listTools(): Promise<{ tools: unknown[] }>;
    callTool(call: object): Promise<{ content: unknown; isError?: boolean }>;
    close(): Promise<void>;
  };
}

describe('tally mcp wrap', () => {
  it('passes the exit code, signals and standard error of the server on', async () => {
    const home = await prepared();
    try {
      const script = 'process.stderr.write("said"); process.stdin.on("end", () => process.exit(7)).resume()';
      const ended = await home.tally(['mcp', 'wrap', '--', process.execPath, '-e', script]);
      assert.deepEqual([ended.code, ended.stderr], [7, 'said']);
      const child = home.start([
        'mcp',
        'wrap',
        '--',
        process.execPath,
        '-e',
        'process.stderr.write("up"); setInterval(() => {}, 1000)',
      ]);
      await new Promise((resolve) => child.stderr?.once('data', resolve));
      const code = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      assert.equal(await code, 143);
      assert.equal((await home.tally(['mcp', 'wrap', '--', 'no-such-server'])).code, 127);
      assert.equal((await home.tally(['mcp', 'wrap'])).code, 125);
      assert.equal((await home.tally(['mcp', 'wrap', '--name', 'a.b', '--', 'true'])).code, 125);
    } finally {
      await home.remove();
    }
  });

  it('keeps what is secret out of everything that is written', async () => {
    const home = await prepared();
    try {
      const values = Array.from({ length: 3 }, () => randomBytes(18).toString('base64url'));
      const [inEnv = '', inVault = '', password = ''] = values;
      const vault = home.start(['secrets', 'set', 'VAULT_KEY']);
      vault.stdin?.end(inVault);
      await new Promise((resolve) => vault.once('exit', resolve));
      const child = home.start(
        ['mcp', 'wrap', '--name', 'c', '--', process.execPath, COUNTER, join(home.directory, 'count')],
        {
          env: { API_TOKEN: inEnv },
        },
      );
      await talk(child, [call(1, 'use', { password, header: `Bearer ${inVault}`, note: `from ${inEnv}` })]);
      const files = await readdir(home.env.TALLY_HOME ?? '', { recursive: true, withFileTypes: true });
      let read = 0;
      for (const file of files.filter((one) => one.isFile())) {
        const bytes = await readFile(join(file.parentPath, file.name));
        read++;
        for (const value of values) assert.ok(!bytes.includes(value), `${file.name} holds a secret`);
      }
      assert.ok(read > 3);
      const [shown] = (await entriesOf(home)).filter(({ type }) => type === 'tool.call');
      const payload = await home.tally(['log', 'show', shown?.id ?? '', '--payload']);
      for (const value of values) assert.ok(!payload.stdout.includes(value));
    } finally {
      await home.remove();
    }
  });

  it(`killed ${KILLS} times, and its recorder too: no tool ran that was not on record before`, {
    timeout: 60_000 + KILLS * 5_000,
  }, async () => {
    const home = await prepared();
    const file = join(home.directory, 'count');
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const withRecorder = kill % 2 === 1;
        const up = withRecorder ? home.start(['up', '--port', '0']) : undefined;
        if (up !== undefined) await new Promise((resolve) => up.stdout?.once('data', resolve));
        const child = home.start(['mcp', 'wrap', '--name', 'c', '--', process.execPath, COUNTER, file]);
        let answers = 0;
        let n = 0;
        const feed = (count: number): void => {
          for (let i = 0; i < count; i++)
            child.stdin?.write(`${JSON.stringify(call(++n, `t${kill}_${n}`))}\n`);
        };
        child.stdin?.on('error', () => undefined);
        child.stdout?.on('data', (chunk: Buffer) => {
          const more = chunk.toString().split('\n').length - 1;
          answers += more;
          feed(more);
        });
        feed(8);
        await until(() => answers > 3, 'the first answers');
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
        const victim = up !== undefined && kill % 4 === 1 ? up : child;
        victim.kill('SIGKILL');
        if (victim === up) {
          // Whoever wraps goes on by itself.
          const before = answers;
          await until(() => answers > before + 20, 'answers without the recorder that was', 20_000);
        }
        child.kill('SIGKILL');
        up?.kill('SIGKILL');
        await Promise.all(
          [child, up].map(
            (one) =>
              one?.exitCode === null &&
              one.signalCode === null &&
              new Promise((resolve) => one.once('exit', resolve)),
          ),
        );
      }
      const ran = (await readFile(file, 'utf8')).trim().split('\n');
      const recorded = new Set(
        (await entriesOf(home))
          .filter(({ type, phase }) => type === 'tool.call' && phase === 'pre_exec')
          .map(({ action }) => action?.name),
      );
      assert.deepEqual(
        ran.filter((name) => !recorded.has(`mcp.c.${name}`)),
        [],
      );
      assert.equal(new Set(ran).size, ran.length, 'nothing ran twice');
      const verified = await home.tally(['verify']);
      assert.equal(verified.code, 0, verified.stdout);
    } finally {
      await home.remove();
    }
  });
});
