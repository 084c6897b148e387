/** Files of a machine: log.json, the saved registry, the vault, data keys, payloads, policy, configuration. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  decodeVault,
  encodeVault,
  encryptValue,
  vaultKey,
} from '../../../src/capture/secrets/vault-format.ts';
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { sha256Hex } from '../../../src/core/hash.ts';
import { emptyRegistry } from '../../../src/core/identity/registry.ts';
import { parseRegistry, serializeRegistry } from '../../../src/core/identity/saved.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { encodeLogInfo, parseLogInfo } from '../../../src/core/loginfo.ts';
import { openBlob, sealBlob } from '../../../src/core/payload/blob.ts';
import { citationOf, packFirst, packName } from '../../../src/core/payload/citation.ts';
import { encodeDataKey, parseDataKey, unwrapDataKey } from '../../../src/core/payload/data-key.ts';
import { defaultPolicyText } from '../../../src/core/policy/default.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { policyFromSnapshot } from '../../../src/core/policy/snapshot.ts';
import { parsePolicyTests, runPolicyTest } from '../../../src/core/policy/test-file.ts';
import { rotationName, rotationSize } from '../../../src/core/tlog/key-history.ts';
import { parseConfig } from '../../../src/open/config.ts';
import { nearly, nearlyText } from '../mutate.ts';
import { accepted, same, type Target, target } from '../target.ts';

const infos = [
  {
    format: 1,
    tenant: 'local',
    origin: 'a/local',
    keys: [{ vkey: 'a/local+00000000+AA==', from: 0 }],
    created: '2026-01-01T00:00:00.000Z',
  },
  {
    format: 1,
    tenant: 'local',
    origin: 'a/local/2',
    keys: [
      { vkey: 'k', from: 0 },
      { vkey: 'l', from: 300, extra: true },
    ],
    created: 'x',
    continues: { log: 'local', origin: 'a/local', reason: 'restored', refused: 'LOG_ROLLED_BACK' },
  },
] as const;

const registries = [
  serializeRegistry({ state: emptyRegistry(), open: [] }),
  `{"agents":[{"agent_id":"a"}],"ended":["run_0"],"format":2,"open":[3],"runs":[{"run_id":"run_1","token_id":"tok_1"}],"size":12,"tokens":[{"issued_at":"x","kind":"run","run_id":"run_1","tenant_id":"local","token_hash":"ab","token_id":"tok_1"}]}`,
];
const stable = registries
  .map((text) => parseRegistry(text))
  .map((saved) => (saved === undefined ? '' : serializeRegistry(saved)));
assert.ok(stable[0] !== '', 'the honest registry parses');

const key = vaultKey(Buffer.alloc(32, 5));
const records = ['ONE', 'TWO_KEY'].map((name) => encryptValue(key, name, Buffer.from(`${name} value`)));
const vaults = [0, 1, 2].map((n) =>
  encodeVault(key, {
    generation: 7 + n,
    records: new Map(records.slice(0, n).map((record) => [record.name, record])),
  }),
);
const generations = [7, 8, 9];

const wrapping = new Uint8Array(32).fill(9);
const dataKey = new Uint8Array(32).fill(6);
const about = {
  key_id: `key_${'0'.repeat(26)}`,
  tenant_id: 'local',
  class: 'args',
  run_id: 'run_1',
  created: '2026-01-01T00:00:00.000Z',
};
const dataKeys = [encodeDataKey(about, dataKey, wrapping, new Uint8Array(12).fill(1))];

const of = { tenant_id: 'local', key_id: about.key_id, entry_id: 'log_1' };
const payload = encodeUtf8('what was said');
const sealed = sealBlob({
  of,
  key: dataKey,
  nonce: new Uint8Array(12).fill(2),
  salt: new Uint8Array(16).fill(3),
  plain: payload,
});
const citing = [
  {
    payload: {
      pack: packName(256),
      offset: 12,
      length: 100,
      cipher_hash: sealed.cipher_hash,
      key_id: about.key_id,
    },
  },
  { payload: {} },
  {},
];

const policies = [
  defaultPolicyText(),
  'version: "1"\nidentity: { anonymous: allow }\nallowlist:\n  - api.example.com\n  - host: "*.example.org"\n    ports: [443, 8443]\n',
  'version: "1"\nfacts: { amount: args.amount }\nroles: { a: { scopes: [x.y], inherits: [b] }, b: { scopes: ["z.w"] } }\nusers: { u: { roles: [a], email: a@b.c, interactive: { permission: stop, rate: 6/10s }, tools: { t: { api: {} } } } }\ntools: { t: { required_scopes: [x.y], writes: false } }\nrules: [{ id: r, when: \'action.name == "t" && facts.amount > 1.0 || actor.roles.exists(x, x == "a")\', decision: approval_required, approvers: [role:a], ttl: 5m }]\nlimits: { global: 1/s, burst: 2 }\nbudgets: { max_usd: 0.5 }\napprovals: { hold: 5s }\n',
  '{"version":"1","allowlist":["*.a.example",{"host":"b.example","paths":["/x/**"],"methods":["GET"]}],"agents":{"x":{"tools":["a*"],"hosts":["c.example:443"]}},"rules":[{"id":"r","when":"has(facts.a)","decision":"stop"}],"facts":{"a":"args.b.0"}}',
  'version: "1"\na: &a [x, x]\nb: &b [*a, *a, *a]\nallowlist: *b\n',
];
const tried = compilePolicy(policies[2] ?? '', { id: 'local' });
const tables = [
  'tests:\n  - name: a\n    call: { action: t, user: u, facts: { amount: 3 }, args: { x: [1] } }\n    state: { calls: 2, approval: granted }\n    expect: allow\n  - { name: b, call: { url: "https://a.example:1/x?y", method: POST, credentials: [K] }, expect: stop, reason: scope_missing, layer: scopes }\n',
];
const configs = [
  'allow_observe: true\nport: 8100\n',
  'anchors:\n  - { name: a, type: file, path: /mnt/x }\npayloads:\n  max_bytes: 100\n  keep: { "*": none }\n',
];

export const fileTargets: readonly Target[] = [
  target(
    'log.json: what parses is written back the same',
    nearly(infos.map((info) => encodeUtf8(JSON.stringify(info)))),
    ({ bytes }) => {
      const info = accepted(['LOG_DAMAGED'], () => parseLogInfo(bytes));
      // As text: -0 has no form of its own in JSON.
      if (info !== undefined)
        assert.equal(JSON.stringify(parseLogInfo(encodeLogInfo(info))), JSON.stringify(info));
    },
  ),
  target('registry: a saved state is whole, or none', nearlyText(registries), (text) => {
    const saved = parseRegistry(text);
    if (saved === undefined) return;
    const again = serializeRegistry(saved);
    const reread = parseRegistry(again);
    assert.ok(reread !== undefined && serializeRegistry(reread) === again, 'it does not read as what it was');
  }),
  target('vault: what opens is what was sealed', nearly(vaults), ({ bytes }) => {
    const content = decodeVault(() => key, bytes);
    if ('fault' in content) return;
    const n = generations.indexOf(content.generation);
    assert.ok(n !== -1, 'a generation that nobody sealed');
    assert.deepEqual([...content.records.values()], records.slice(0, n));
  }),
  target('data keys: what unwraps is the key, for what it was made', nearly(dataKeys), ({ bytes }) => {
    const file = parseDataKey(bytes);
    const plain = file === undefined ? undefined : unwrapDataKey(file, wrapping);
    if (file === undefined || plain === undefined) return;
    same(plain, dataKey, 'another key');
    const { format: _format, wrapped: _wrapped, ...said } = file;
    assert.deepEqual(said, about);
  }),
  target(
    'payloads: what opens is what was sealed',
    fc.tuple(nearly([sealed.blob]), fc.boolean()),
    ([{ bytes }, told]) => {
      // Whoever can write the entry can give the altered blob its right hash.
      const cipher_hash = told ? sealed.cipher_hash : sha256Hex(bytes);
      const opened = openBlob({ of, key: dataKey, blob: bytes, commit: sealed.commit, cipher_hash });
      if (opened.ok) same(opened.plain, payload, 'another payload');
    },
  ),
  target(
    'payloads: a citation names a pack that a pack can have',
    nearlyText(citing.map((entry) => JSON.stringify(entry))),
    (text) => {
      let entry: unknown;
      try {
        entry = JSON.parse(text);
      } catch {
        return;
      }
      if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return;
      const cited = citationOf(entry as JsonObject);
      if (typeof cited === 'string') return;
      assert.equal(packFirst(packName(cited.pack)), cited.pack);
      assert.ok(cited.offset >= 0 && cited.length > 0 && Number.isSafeInteger(cited.offset + cited.length));
    },
  ),
  target(
    'names: a pack and a rotation note are written back',
    nearlyText([packName(0), packName(1_234_567_890_123_456), rotationName(17)]),
    (text) => {
      const first = packFirst(text);
      if (first !== undefined) assert.equal(packName(first), text);
      const size = rotationSize(text);
      if (size !== undefined) assert.equal(rotationName(size), text);
    },
  ),
  target('policy: a document compiles or is refused', nearlyText(policies), (text) => {
    const policy = accepted(['POLICY_INVALID'], () => compilePolicy(text, { id: 'local' }));
    if (policy === undefined) return;
    assert.equal(policyFromSnapshot(policy.snapshot).hash, policy.hash);
  }),
  target('policy tests: a table is read or refused, and every row is decided', nearlyText(tables), (text) => {
    const rows = accepted(['POLICY_INVALID'], () => parsePolicyTests(text)) ?? [];
    for (const row of rows) accepted(['USAGE'], () => runPolicyTest(tried, row, { nowMs: 0 }));
  }),
  target('configuration: a document is read or refused', nearlyText(configs), (text) => {
    accepted(['BAD_CONFIG'], () => parseConfig(text, 'config.yaml'));
  }),
];
