/** What Node programs of a run load first, in whatever Node there is, against a proxy that knows nothing else of us. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const BOOTSTRAP = fileURLToPath(new URL('../../bin/bootstrap.cjs', import.meta.url));
const OLD = ['/usr/bin/node', '/usr/local/bin/node'].find((path) =>
  /^v(1[468]|20)\./.test(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? ''),
);

/** Every way in which a program asks, one line of JSON each. */
const PROGRAM = `
const http = require('http'), net = require('net');
const said = (name, error, text) => console.log(JSON.stringify([name, error ? error.code || error.cause.code : text]));
const get = (name, options) => new Promise((done) => {
  const request = http.get(options, (response) => {
    let text = '';
    response.on('data', (part) => (text += part)).on('end', () => done(said(name, null, text)));
  });
  request.on('upgrade', (response, socket) => { socket.destroy(); done(said(name, null, 'upgraded')); });
  request.on('error', (error) => done(said(name, error)));
});
const far = 'http://far.example:81/';
(async () => {
  await get('own agent', { host: 'far.example', port: 81, agent: new http.Agent({ keepAlive: false }) });
  await get('ws', { host: 'far.example', port: 81, createConnection: (options) => net.connect(options),
    headers: { Connection: 'Upgrade', Upgrade: 'websocket' } });
  await get('refused', { host: 'blocked.example', port: 81, agent: new http.Agent() });
  await get('excepted', { host: '127.0.0.1', port: Number(process.env.NEAR), agent: new http.Agent() });
  await fetch(far).then((r) => r.text()).then((text) => said('fetch', null, text), (error) => said('fetch', error));
  const { get: imported } = await import('node:http');
  console.log(JSON.stringify(['import', imported === http.get]));
})();
`;

async function listening(t: TestContext, server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Node's output for the program, and what came to the proxy. */
async function run(t: TestContext, node: string, env: Readonly<Record<string, string>> = {}) {
  const near = createServer((_request, response) => response.end('near'));
  near.on('upgrade', (_request, socket) =>
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
  );
  const port = await listening(t, near);
  const connects: string[] = [];
  const proxy = createServer((_request, response) => response.writeHead(418).end());
  proxy.on('connect', (request, socket: Socket, head: Buffer) => {
    connects.push(`${request.url} ${request.headers['proxy-authorization'] ?? ''}`);
    if (request.url?.startsWith('blocked') === true) return socket.end('HTTP/1.1 403 No\r\n\r\n');
    const inner = connect(port, '127.0.0.1', () => {
      // The answer and the first bytes of what is inside, in one piece.
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      inner.write(head);
      socket.pipe(inner).pipe(socket);
    });
    for (const each of [socket, inner]) each.on('error', () => undefined);
    return undefined;
  });
  const { port: at } = { port: await listening(t, proxy) };
  const child = spawn(node, ['-e', PROGRAM], {
    env: {
      PATH: process.env.PATH,
      NODE_OPTIONS: `--require="${BOOTSTRAP}"`,
      HTTP_PROXY: `http://run:tok%2Ben@127.0.0.1:${at}`,
      NO_PROXY: `127.0.0.1:${at}, 127.0.0.1:${port}`,
      NEAR: String(port),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  await once(child, 'close');
  const lines = out.split('\n').filter((line) => line !== '');
  return {
    answers: Object.fromEntries(lines.map((line) => JSON.parse(line) as [string, unknown])),
    connects,
    err,
  };
}

const BASIC = `Basic ${Buffer.from('run:tok+en').toString('base64')}`;

for (const [name, node, env] of [
  ['this Node', process.execPath, { NODE_USE_ENV_PROXY: '1' }],
  ['a Node that knows no proxy', OLD ?? '', {}],
] as const)
  test(`${name} sends what its programs call through the proxy, and prints nothing of its own`, {
    skip: node === '' && 'there is no Node before 22 here',
  }, async (t) => {
    const { answers, connects, err } = await run(t, node, env);
    assert.equal(err, '');
    assert.deepEqual(answers, {
      'own agent': 'near',
      ws: 'upgraded',
      refused: 'ERR_PROXY_TUNNEL',
      excepted: 'near',
      fetch: 'near',
      import: true,
    });
    assert.deepEqual(connects, [
      `far.example:81 ${BASIC}`,
      `far.example:81 ${BASIC}`,
      `blocked.example:81 ${BASIC}`,
      `far.example:81 ${BASIC}`,
    ]);
  });

test('without a proxy, or with one that is no URL, programs run as without us', async (t) => {
  for (const HTTP_PROXY of ['', 'nonsense', 'socks5://127.0.0.1:1']) {
    const { answers, connects, err } = await run(t, process.execPath, { HTTP_PROXY });
    assert.deepEqual([answers.excepted, answers.import, connects, err], ['near', true, [], '']);
    assert.match(String(answers['own agent']), /ENOTFOUND|EAI_AGAIN/);
  }
});
