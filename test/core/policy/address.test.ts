import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type AddressKind,
  addressRefusal,
  classifyAddress,
  formatV4,
  isMetadataAddress,
  isMetadataHost,
  parseAddress,
} from '../../../src/core/policy/address.ts';

const KINDS: Readonly<Record<string, AddressKind>> = {
  '8.8.8.8': 'public',
  '1.1.1.1': 'public',
  '9.255.255.255': 'public',
  '10.0.0.0': 'private',
  '10.255.255.255': 'private',
  '11.0.0.0': 'public',
  '100.63.255.255': 'public',
  '100.64.0.0': 'cgnat',
  '100.100.100.200': 'metadata',
  '100.127.255.255': 'cgnat',
  '100.128.0.0': 'public',
  '127.0.0.1': 'loopback',
  '127.255.255.255': 'loopback',
  '0.0.0.0': 'unspecified',
  '0.1.2.3': 'unspecified',
  '169.254.1.1': 'link_local',
  '169.254.169.254': 'metadata',
  '169.254.170.2': 'metadata',
  '168.63.129.16': 'metadata',
  '172.15.255.255': 'public',
  '172.16.0.0': 'private',
  '172.31.255.255': 'private',
  '172.32.0.0': 'public',
  '192.0.0.1': 'reserved',
  '192.0.2.1': 'documentation',
  '192.88.99.1': '6to4',
  '192.168.0.1': 'private',
  '198.18.0.1': 'benchmarking',
  '198.51.100.1': 'documentation',
  '203.0.113.1': 'documentation',
  '224.0.0.1': 'multicast',
  '240.0.0.1': 'reserved',
  '255.255.255.255': 'broadcast',
  '::': 'unspecified',
  '::1': 'loopback',
  '::2': 'reserved',
  '::127.0.0.1': 'reserved',
  '::ffff:8.8.8.8': 'ipv4_mapped',
  '0:0:0:0:0:ffff:7f00:1': 'ipv4_mapped',
  '64:ff9b::1.2.3.4': 'nat64',
  '64:ff9b:1::1': 'reserved',
  '2001::1': 'teredo',
  '2001:2::1': 'benchmarking',
  '2001:20::1': 'reserved',
  '2001:db8::1': 'documentation',
  '2001:4860:4860::8888': 'public',
  '2002:7f00:1::': '6to4',
  '2606:4700::1111': 'public',
  '3fff::1': 'documentation',
  'fc00::1': 'unique_local',
  'fd12:3456::1': 'unique_local',
  'fd00:ec2::254': 'metadata',
  'fe80::1': 'link_local',
  'fe80::1%eth0': 'link_local',
  'fec0::1': 'reserved',
  'ff02::1': 'multicast',
  '100::1': 'reserved',
};

const NO_ADDRESS = [
  '',
  '1.2.3',
  '1.2.3.4.5',
  '01.2.3.4',
  '0x7f.0.0.1',
  '256.1.1.1',
  '1.2.3.4 ',
  '2130706433',
  '1.2.3.-4',
  '١.2.3.4',
  ':',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1:2:3:4:5:6:7::8',
  '12345::',
  '::1.2.3.4:5',
  '1.2.3.4::',
  '[::1]',
  '::ffff:1.2.3.04',
  'localhost',
];

describe('addresses', () => {
  for (const [text, kind] of Object.entries(KINDS))
    it(`takes ${text} for ${kind}`, () => assert.equal(classifyAddress(text).kind, kind));

  for (const text of NO_ADDRESS)
    it(`takes ${JSON.stringify(text)} for no address and blocks it`, () => {
      assert.equal(parseAddress(text), undefined);
      assert.equal(addressRefusal(text, true), 'unparsable');
    });

  it('lets an internal host reach loopback, private, link-local, CGNAT and unique local addresses only', () => {
    for (const [text, kind] of Object.entries(KINDS)) {
      const inside = ['loopback', 'private', 'link_local', 'cgnat', 'unique_local'].includes(kind);
      const viaV4 = text === '::ffff:8.8.8.8' || text === '0:0:0:0:0:ffff:7f00:1' || kind === 'nat64';
      assert.equal(addressRefusal(text, true) === undefined, kind === 'public' || inside || viaV4, text);
      assert.equal(addressRefusal(text, false) === undefined, kind === 'public', text);
    }
  });

  it('never lets a metadata address pass, in no notation and for no host', () => {
    const notations = [
      '169.254.169.254',
      '::ffff:169.254.169.254',
      '::ffff:a9fe:a9fe',
      '64:ff9b::a9fe:a9fe',
      '64:ff9b::169.254.169.254',
      '64:ff9b:1::a9fe:a9fe',
      '2002:a9fe:a9fe::',
      '::169.254.169.254',
      'fd00:ec2::254',
      'FD00:0EC2:0:0:0:0:0:0254',
      'fe80::a9fe:a9fe%eth0',
    ];
    for (const text of notations) assert.notEqual(addressRefusal(text, true), undefined, text);
    for (const text of ['::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe'])
      assert.equal(addressRefusal(text, true), 'metadata');
    assert.ok(isMetadataAddress('::ffff:a9fe:a9fe'));
    assert.ok(isMetadataHost('metadata.google.internal'));
    assert.ok(!isMetadataHost('metadata.example.com'));
  });

  it('parses exactly what node:net takes for an address', () => {
    const group = fc.oneof(fc.stringMatching(/^[0-9a-fA-F]{0,5}$/), fc.constantFrom('', '1.2.3.4', '::'));
    const v6ish = fc.array(group, { maxLength: 10 }).map((parts) => parts.join(':'));
    const v4ish = fc
      .array(fc.integer({ min: -1, max: 300 }).map(String), { maxLength: 5 })
      .map((p) => p.join('.'));
    fc.assert(
      fc.property(fc.oneof(v6ish, v4ish, fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.string()), (text) => {
        // A zone is node's matter too, but it takes more characters for one.
        fc.pre(!text.includes('%'));
        assert.equal(parseAddress(text)?.family ?? 0, isIP(text), text);
      }),
      { numRuns: 3_000 },
    );
  });

  it('blocks every address of the special ranges that an independent list knows', () => {
    // Two lists: node looks IPv4 up in IPv6 ranges too.
    const special = new BlockList();
    const special6 = new BlockList();
    for (const [base, bits] of [
      ['0.0.0.0', 8],
      ['10.0.0.0', 8],
      ['100.64.0.0', 10],
      ['127.0.0.0', 8],
      ['169.254.0.0', 16],
      ['172.16.0.0', 12],
      ['192.0.0.0', 24],
      ['192.168.0.0', 16],
      ['198.18.0.0', 15],
      ['224.0.0.0', 3],
    ] as const)
      special.addSubnet(base, bits, 'ipv4');
    for (const [base, bits] of [
      ['::', 8],
      ['64:ff9b::', 32],
      ['100::', 8],
      ['2001::', 23],
      ['2002::', 16],
      ['fc00::', 7],
      ['fe00::', 8],
      ['ff00::', 8],
    ] as const)
      special6.addSubnet(base, bits, 'ipv6');
    const near = fc.constantFrom(0, 10, 100, 127, 169, 172, 192, 198, 203, 224, 255);
    const byte = fc.oneof(near, fc.nat(255));
    fc.assert(
      fc.property(fc.tuple(near, byte, byte, byte), (bytes) => {
        const text = bytes.join('.');
        if (special.check(text, 'ipv4')) assert.notEqual(addressRefusal(text, false), undefined, text);
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        if (special6.check(text, 'ipv6')) assert.notEqual(addressRefusal(text, false), undefined, text);
      }),
    );
  });

  it('treats every IPv4-mapped address at least as strictly as the IPv4 address', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.boolean(), (value, internal) => {
        const text = formatV4(value);
        if (addressRefusal(text, internal) !== undefined)
          assert.notEqual(addressRefusal(`::ffff:${text}`, internal), undefined, text);
      }),
    );
  });
});
