/** Whatever an attacker writes, or has a name resolve to: nothing that only this machine can reach is reached. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { createAddressBook, systemResolve } from '../../../src/capture/proxy/resolve.ts';
import { parseTarget } from '../../../src/capture/proxy/target.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { addressRefusal } from '../../../src/core/policy/address.ts';
import { type DnsRecord, dnsServer } from '../../support/dns.ts';
import { echo, listen, type Stage, stage } from './stage.ts';

/** Somewhere that is public and that no test reaches: nothing of it is ever connected to. */
const PUBLIC = '93.184.215.14';

// biome-ignore format: one line a range
const INSIDE: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.1', '127.0.0.53', '127.255.255.254', '::1'],
  unspecified: ['0.0.0.0', '0.255.0.1', '::'],
  private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.255.255'],
  link_local: ['169.254.0.1', '169.254.255.255', 'fe80::1', 'febf::1'],
  cgnat: ['100.64.0.1', '100.127.255.255'],
  unique_local: ['fc00::1', 'fdff::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
  broadcast: ['255.255.255.255'],
  reserved: ['240.0.0.1', '254.255.255.255', '192.0.0.8', '2001:20::1', '100::1', 'fec0::1', '5f00::1', '4000::1'],
  ipv4_compatible: ['::127.0.0.1', '::10.0.0.1', '::169.254.169.254'],
  ipv4_translated: ['::ffff:0:127.0.0.1'],
  ipv4_mapped: ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:169.254.169.254', '::ffff:0.0.0.0'],
  nat64: ['64:ff9b::127.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b::169.254.169.254', '64:ff9b:1::127.0.0.1'],
  '6to4': ['2002:7f00:1::', '2002:a9fe:a9fe::1', '192.88.99.1'],
  teredo: ['2001::1', '2001:0:7f00:1::'],
  benchmarking: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
};

/** What no policy line opens either. */
// biome-ignore format: one line a cloud
const METADATA: Readonly<Record<string, readonly string[]>> = {
  aws: ['169.254.169.254', 'fd00:ec2::254', '::ffff:169.254.169.254', '64:ff9b::169.254.169.254'],
  ecs: ['169.254.170.2'],
  eks: ['169.254.170.23', 'fd00:ec2::23'],
  google: ['fd20:ce::254'],
  azure: ['168.63.129.16'],
  alibaba: ['100.100.100.200'],
  tencent: ['169.254.0.23'],
  oracle: ['192.0.0.192'],
  scaleway: ['169.254.42.42', 'fd00:42::42'],
  linode: ['fd00:a9fe:a9fe::1'],
  openstack: ['fe80::a9fe:a9fe'],
};

// biome-ignore format: one line a cloud
const METADATA_NAMES = [
  'metadata.google.internal', 'metadata.goog', 'metadata', 'METADATA.google.INTERNAL', 'metadata.google.internal.',
  'instance-data', 'instance-data.ec2.internal', 'metadata.azure.internal', 'metadata.tencentyun.com',
  'metadata.packet.net', 'metadata.platformequinix.com', 'rancher-metadata',
];

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

interface Scene {
  readonly s: Stage;
  /** The answer to a call of this host, which the policy names as it is written. */
  stopped(host: string, flags?: string): Promise<void>;
  readonly connections: () => number;
  readonly port: number;
}

/** A server on loopback that nobody is to reach. */
async function scene(t: TestContext, names?: (host: string) => Promise<readonly string[]>): Promise<Scene> {
  const s = await stage(t, {
    ...(names === undefined ? {} : { names }),
    config: { limits: { connectMs: 300 } },
  });
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  const port = await listen(t, server);
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  return {
    s,
    port,
    connections: () => connections,
    async stopped(host, flags = '') {
      await s.policy(`version: "9"
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: ${JSON.stringify(host.replace(/^\[|\]$/g, ''))}, port: ${port}, http: true${flags} }]
`);
      const answer = await s.get(`http://${host}:${port}/`);
      assert.deepEqual([answer.status, answer.json().reason], [403, 'ssrf_protection_blocked'], host);
    },
  };
}

test('an address that is not public is stopped, in the URL', async (t) => {
  const { stopped, connections } = await scene(t);
  for (const address of Object.values(INSIDE).flat()) await stopped(bracketed(address));
  assert.equal(connections(), 0);
});

test('and so it is when a name resolves to it, alone or beside a public one', async (t) => {
  let answers: readonly string[] = [];
  const { s, port, connections } = await scene(t, async () => answers);
  const tried = Object.values(INSIDE).flat();
  const lines = tried.flatMap((_, i) => [`a${i}.test`, `b${i}.test`]);
  await s.policy(`version: "9"
identity: { anonymous: allow, declared: allow }
allowlist: [${lines.map((host) => `{ host: ${host}, port: ${port}, http: true }`).join(', ')}]
`);
  for (const [i, address] of tried.entries()) {
    for (const [host, found] of [
      [`a${i}.test`, [address]],
      [`b${i}.test`, [PUBLIC, address]],
    ] as const) {
      answers = found;
      const answer = await s.get(`http://${host}:${port}/`);
      assert.deepEqual([answer.status, answer.json().reason], [403, 'ssrf_protection_blocked'], address);
    }
  }
  assert.equal(connections(), 0);
});

test('the metadata service of a cloud is stopped under every name and address, whatever the policy says', async (t) => {
  const { s, stopped } = await scene(t, async (host) => [
    METADATA[host.replace('.test', '')]?.[0] ?? '169.254.169.254',
  ]);
  for (const address of Object.values(METADATA).flat()) {
    await stopped(bracketed(address));
    await stopped(bracketed(address), ', internal: true');
  }
  for (const name of METADATA_NAMES) await stopped(name, ', internal: true');
  for (const cloud of ['aws', 'ecs', 'alibaba', 'scaleway'])
    await stopped(`${cloud}.test`, ', internal: true');
  await s.quiet();
  assert.ok(s.entries().every(({ outcome }) => outcome === undefined || outcome.status === 'blocked'));
});

test('an odd notation is the address that it is, or no host at all', async (t) => {
  const { s, port, connections } = await scene(t);
  await s.policy(`version: "9"
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: 127.0.0.1, port: ${port}, http: true }, { host: "::1", port: ${port}, http: true }]
`);
  // Other characters than ASCII travel in a header as the bytes of their UTF-8.
  const sent = (host: string) => Buffer.from(`http://${host}:${port}/`).toString('latin1');
  const reasonOf = async (host: string) => (await s.get(sent(host))).json().reason;
  for (const host of [
    '2130706433',
    '0x7f000001',
    '0X7F.1',
    '0177.0.0.1',
    '017700000001',
    '127.1',
    '127.0.1',
    '127.0.0.1.',
    '%31%32%37.0.0.1',
    '127.0.0%2e1',
    '[::ffff:127.0.0.1]',
    '[::FFFF:7F00:1]',
    '[0:0:0:0:0:ffff:7f00:0001]',
    '[0:0:0:0:0:0:0:1]',
    '[::0001]',
  ])
    assert.equal(await reasonOf(host), 'ssrf_protection_blocked', host);
  for (const host of [
    '[::1%25lo]',
    '[fe80::1%25eth0]',
    '127.0.0.1%00.example.com',
    '127.0.0.1%23.example.com',
    '１２７.０.０.１',
    '127。0。0。1',
    '①②⑦.0.0.1',
    '0x7f.0x0.0x0.0x100',
    '256.0.0.1',
    '4294967296',
    '127.0.0.1..',
    '[::1',
    '[127.0.0.1]',
    'user@127.0.0.1',
    'api.example:80@127.0.0.1',
  ])
    assert.equal(await reasonOf(host), 'bad_request', host);
  assert.equal(connections(), 0);
});

test('a name that is public at first and this machine later is decided by what is connected to', async (t) => {
  const order: DnsRecord[] = [{ type: 'A', address: PUBLIC }];
  const dns = await dnsServer(t, (_name, type) => (type === 'A' ? order : []));
  let ms = 0;
  const book = createAddressBook(dns.resolve, () => ms);
  assert.deepEqual(await book.resolve('rebind.test'), [PUBLIC]);
  order[0] = { type: 'A', address: '127.0.0.1', ttl: 0 };
  // Remembered for some seconds, whatever the TTL of 0 wants: what was checked stays what is connected to.
  ms += LIMITS.resolveCacheMs - 1;
  assert.deepEqual(book.known('rebind.test'), [PUBLIC]);
  ms += 1;
  assert.equal(book.known('rebind.test'), undefined);
  assert.deepEqual(await book.resolve('rebind.test'), ['127.0.0.1']);
});

test('real DNS answers: rebinding, several records, CNAMEs and IPv6 lead nowhere inside', async (t) => {
  const turns = new Map<string, number>();
  const dns = await dnsServer(t, (name, type) => {
    const turn = turns.get(`${type} ${name}`) ?? 0;
    turns.set(`${type} ${name}`, turn + 1);
    const a = (address: string, owner?: string): DnsRecord[] =>
      type === 'A' ? [{ type: 'A', address, ...(owner === undefined ? {} : { name: owner }) }] : [];
    switch (name) {
      case 'rebind.test':
        return a(turn === 0 ? PUBLIC : '127.0.0.1');
      case 'many.test':
        return [...a(PUBLIC), ...a('10.1.2.3'), ...a(PUBLIC)];
      case 'alias.test':
        return [{ type: 'CNAME', to: 'inner.test' }, ...a('192.168.7.7', 'inner.test')];
      case 'chain.test':
        return [
          { type: 'CNAME', to: 'next.test' },
          { type: 'CNAME', name: 'next.test', to: 'inner.test' },
          ...a('127.0.0.1', 'inner.test'),
        ];
      case 'six.test':
        return type === 'A' ? a(PUBLIC) : [{ type: 'AAAA', address: '::1' }];
      case 'mapped.test':
        return type === 'A' ? [] : [{ type: 'AAAA', address: '::ffff:169.254.169.254' }];
      default:
        return undefined;
    }
  });
  const { s, port, connections } = await scene(t, dns.resolve);
  const hosts = [
    'rebind.test',
    'many.test',
    'alias.test',
    'chain.test',
    'six.test',
    'mapped.test',
    'gone.test',
  ];
  await s.policy(`version: "9"
identity: { anonymous: allow, declared: allow }
allowlist: [${hosts.map((host) => `{ host: ${host}, port: ${port}, http: true }`).join(', ')}]
`);
  const ask = async (host: string) => {
    const answer = await s.get(`http://${host}:${port}/`);
    return `${answer.status} ${String(answer.json().reason)}`;
  };
  for (const host of ['many.test', 'alias.test', 'chain.test', 'six.test', 'mapped.test'])
    assert.equal(await ask(host), '403 ssrf_protection_blocked', host);
  assert.equal(await ask('gone.test'), '502 dns_failed');
  // Allowed for its public address, and connected to that one or to none: not to what the name is by now.
  assert.match(await ask('rebind.test'), /^502 /);
  assert.deepEqual(await dns.resolve('rebind.test'), ['127.0.0.1']);
  assert.match(await ask('rebind.test'), /^502 /);
  assert.equal(connections(), 0);
  await s.quiet();
  const decided = s.entries().flatMap(({ decision }) => decision?.inputs?.addresses ?? []);
  assert.ok(decided.includes('10.1.2.3') && decided.includes('::ffff:169.254.169.254'), String(decided));
});

test('a name that the machine itself has for loopback needs a line that says internal', async (t) => {
  const { s, port, connections } = await scene(t, systemResolve);
  const line = (flags: string) => `version: "9"
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: localhost, port: ${port}, http: true${flags} }]
`;
  await s.policy(line(''));
  assert.equal((await s.get(`http://localhost:${port}/`)).json().reason, 'ssrf_protection_blocked');
  assert.equal(connections(), 0);
  const up = await s.upstream(echo, { host: 'localhost' });
  assert.equal((await s.get(up.origin)).status, 200);
});

test('no way to write an inner IPv4 address is read as anything else', () => {
  // As inet_aton(3) takes them: one to four parts, each decimal, octal or hexadecimal, the last one as wide as is left.
  const part = (value: number): fc.Arbitrary<string> =>
    fc.constantFrom(
      String(value),
      `0x${value.toString(16)}`,
      `0X${value.toString(16).toUpperCase()}`,
      `0x00${value.toString(16)}`,
      `0${value.toString(8)}`,
      `000${value.toString(8)}`,
    );
  const inner = fc.tuple(fc.constantFrom(0, 10, 127), fc.nat(255), fc.nat(255), fc.nat(255));
  const written = inner.chain((bytes) => {
    const [a, b, c, d] = bytes;
    const shapes = [
      [a, b, c, d],
      [a, b, c * 256 + d],
      [a, (b * 256 + c) * 256 + d],
      [((a * 256 + b) * 256 + c) * 256 + d],
    ];
    return fc
      .constantFrom(...shapes)
      .chain((shape) => fc.tuple(...shape.map(part)))
      .map((parts) => ({ bytes, text: parts.join('.') }));
  });
  fc.assert(
    fc.property(written, fc.constantFrom('', '.'), ({ bytes, text }, dot) => {
      const parsed = parseTarget(`http://${text}${dot}/`);
      assert.ok(!('problem' in parsed), text);
      assert.equal(parsed.host, bytes.join('.'), text);
      assert.notEqual(addressRefusal(parsed.host, false), undefined, text);
    }),
    { numRuns: 500 },
  );
});
