/** The same addresses by the other ways in: a program's proxy requests, tunnels, and calls inside of a CONNECT. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { dnsServer } from '../../support/dns.ts';
import { connectVia, secure } from './connecting.ts';
import { listen, send, stage } from './stage.ts';

const PUBLIC = '93.184.215.14';

/** Names that lead inside, each in another way. */
// biome-ignore format: one line a name
const INSIDE: Readonly<Record<string, readonly string[]>> = {
  'loop.test': ['127.0.0.1'],
  'loop6.test': ['::1'],
  'mixed.test': [PUBLIC, '10.0.0.1'],
  'mapped.test': ['::ffff:127.0.0.1'],
  'nat64.test': ['64:ff9b::7f00:1'],
  'cloud.test': ['169.254.169.254'],
  'zero.test': ['0.0.0.0'],
};

const NOTATIONS = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '127.0.0.1.',
  '[::1]',
  '[::ffff:7f00:1]',
];
const METADATA = [
  '169.254.169.254',
  '[::ffff:a9fe:a9fe]',
  '[fd00:ec2::254]',
  'metadata.google.internal',
  '100.100.100.200',
];

async function scene(t: TestContext, policy: (port: number) => string) {
  const dns = await dnsServer(t, (name, type) => {
    const found = INSIDE[name];
    if (found === undefined) return undefined;
    return found
      .filter((address) => address.includes(':') === (type === 'AAAA'))
      .map((address) => ({ type, address }));
  });
  const s = await stage(t, { names: dns.resolve, config: { limits: { connectMs: 300 } } });
  let connections = 0;
  const port = await listen(
    t,
    createServer((socket) => {
      connections++;
      socket.destroy();
    }),
  );
  await s.policy(`version: "4"\nidentity: { anonymous: allow, declared: allow }\n${policy(port)}`);
  return { s, dns, port, connections: () => connections };
}

const lines = (port: number, flags: string): string =>
  ['127.0.0.1', '::1', ...Object.keys(INSIDE)]
    .map((host) => `{ host: "${host}", port: ${port}${flags} }`)
    .join(', ');

test('a program’s http request reaches nothing inside, whatever its host is called', async (t) => {
  const { s, port, connections } = await scene(t, (own) => `allowlist: [${lines(own, ', http: true')}]\n`);
  for (const host of [...NOTATIONS, ...Object.keys(INSIDE)]) {
    const answer = await send(s.port, {
      path: `http://${host}:${port}/`,
      headers: { Host: `${host}:${port}` },
    });
    assert.deepEqual([answer.status, answer.json().reason], [403, 'ssrf_protection_blocked'], host);
  }
  assert.equal(connections(), 0);
});

test('a tunnel reaches nothing inside, and no cloud, unless its own line says internal', async (t) => {
  const { s, port, connections } = await scene(
    t,
    (own) => `unlisted: tunnel\ntunnel: [${lines(own, '')}]\nallowlist: [api.example.com]\n`,
  );
  const refused = async (authority: string) => {
    const { status, body, socket } = await connectVia(s.port, authority);
    socket.destroy();
    assert.equal(status, 403, authority);
    assert.match(body, /ssrf_protection_blocked/, authority);
  };
  for (const host of [...NOTATIONS, ...Object.keys(INSIDE)]) await refused(`${host}:${port}`);
  // What nothing names is tunnelled to 443: the same goes for that.
  for (const host of [...METADATA, ...NOTATIONS, '10.0.0.1', '[fe80::1]', '192.168.1.1'])
    await refused(`${host}:443`);
  for (const odd of [
    '[::1%25lo]:443',
    '[fe80::1%eth0]:443',
    '127.0.0.1%00.example:443',
    'user@127.0.0.1:443',
    '①②⑦.0.0.1:443',
  ]) {
    const { status, socket } = await connectVia(s.port, odd);
    socket.destroy();
    assert.equal(status, 400, odd);
  }
  assert.equal(connections(), 0);
  await s.quiet();
  assert.ok(s.entries('http.connect').every(({ outcome }) => outcome?.status !== 'ok'));
});

test('a call inside of a CONNECT has its addresses checked as any other', async (t) => {
  const { s, port, connections } = await scene(t, (own) => `allowlist: [${lines(own, '')}]\n`);
  for (const host of ['mixed.test', 'loop.test', '127.1']) {
    const { status, socket } = await connectVia(s.port, `${host}:${port}`);
    assert.equal(status, 200, host);
    const inner = await secure(
      s,
      socket,
      host === '127.1' ? '' : host,
      host === '127.1' ? { host: '127.0.0.1' } : {},
    );
    const text = await new Promise<string>((resolve, reject) => {
      let all = '';
      inner.setEncoding('latin1').on('data', (part: string) => {
        all += part;
      });
      inner.on('end', () => resolve(all)).on('error', reject);
      inner.write(`GET / HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`);
    });
    assert.match(text, /^HTTP\/1\.1 403 [\s\S]*ssrf_protection_blocked/, host);
  }
  assert.equal(connections(), 0);
});
