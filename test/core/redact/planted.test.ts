import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { serializeEntry } from '../../../src/core/canonical.ts';
import { type Entry, GENESIS_PREV } from '../../../src/core/entry.ts';
import { createRedactor, type Redactor } from '../../../src/core/redact/redact.ts';

/** As text: the bytes themselves are good until the redactor's next call only. */
const textFrom = (redactor: Redactor, of: Entry): string => Buffer.from(redactor.redactEntry(of)).toString();

/** Encoders of other people, written down again here: the source's own list must not be its own judge. */
const ENCODERS: Readonly<Record<string, (value: string) => string>> = {
  raw: (value) => value,
  'JSON string': (value) => JSON.stringify(value),
  'JSON in JSON': (value) => JSON.stringify(JSON.stringify({ v: value })),
  'JSON, every unit escaped': (value) =>
    [...value].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  'JSON, every unit escaped, capitals': (value) =>
    [...value].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`).join(''),
  'JSON of PHP': (value) => JSON.stringify(value).replaceAll('/', '\\/'),
  'JSON of Go': (value) =>
    JSON.stringify(value).replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`),
  hex: (value) => Buffer.from(value).toString('hex'),
  'hex, capitals': (value) => Buffer.from(value).toString('hex').toUpperCase(),
  base64: (value) => Buffer.from(value).toString('base64'),
  base64url: (value) => Buffer.from(value).toString('base64url'),
  'base64 without padding': (value) => Buffer.from(value).toString('base64').replace(/=+$/, ''),
  'base64 behind one byte': (value) => Buffer.from(`x${value}`).toString('base64'),
  'base64 between others': (value) => Buffer.from(`ab${value}yz`).toString('base64'),
  'base64url between others': (value) => Buffer.from(`>?${value}>?>`).toString('base64url'),
  'base64 of JSON': (value) =>
    Buffer.from(JSON.stringify({ a: 1, nested: { token: value }, z: [1] })).toString('base64'),
  'basic authentication': (value) => `Basic ${Buffer.from(`user:${value}`).toString('base64')}`,
  'base64 in a URL': (value) => encodeURIComponent(Buffer.from(value).toString('base64')),
  'base64 in the JSON of PHP': (value) => Buffer.from(value).toString('base64').replaceAll('/', '\\/'),
  encodeURIComponent: (value) => encodeURIComponent(value),
  'encodeURIComponent, small letters': (value) =>
    encodeURIComponent(value).replace(/%../g, (hex) => hex.toLowerCase()),
  'a form': (value) => new URLSearchParams({ q: value }).toString(),
  'a query of URL': (value) => new URL(`https://h/?q=${encodeURIComponent(value)}`).href,
  'every byte in per cent': (value) => Buffer.from(value).toString('hex').replace(/../g, '%$&'),
  'every byte in per cent, capitals': (value) =>
    Buffer.from(value).toString('hex').toUpperCase().replace(/../g, '%$&'),
  HTML: (value) =>
    value
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&#39;'),
  XML: (value) =>
    value
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&apos;'),
};

const PLACES: Readonly<Record<string, (text: string) => Partial<Entry>>> = {
  'a known text': (text) => ({ reason: text }),
  'an id': (text) => ({ run_id: text, session_id: text }),
  'a deep known text': (text) => ({
    action: { name: 'x', target: { path: `/a/${text}/b`, host: text } },
    actor: { os: { exe: text } },
  }),
  'an error message': (text) => ({ outcome: { status: 'error', error: `call failed: ${text}; try again` } }),
  'a list': (text) => ({
    actor: { delegation_chain: ['a', text], detected: { agent: 'x', signals: [text] } },
  }),
  'a list of objects': (text) => ({
    credentials: [{ ref: 'A', provider: text }],
    decision: { outcome: 'stop', layers: [{ layer: 'x', result: 'fail', reason: text }] },
  }),
  'an unknown field': (text) => ({ brand_new: text, actor: { brand_new: [text] } }),
  'nested members': (text) => ({ metadata: { a: { b: [{ c: text }] } } }),
  'a member name': (text) => ({ metadata: { [text]: 1, list: [{ [`x ${text}`]: 2 }] } }),
  'under a secret name': (text) => ({ metadata: { password: text, headers: { 'x-api-key': text } } }),
  'text with quotes and line breaks': (text) => ({ risk: { note: `"${text}"\n\t'${text}'` } }),
  'JSON inside text': (text) => ({ metadata: { body: JSON.stringify({ key: text, list: [text] }) } }),
};

const alphabet = 'ABCdefGHIjkl0123456789+/=&%<>"\'\\ é€~!*()';
const awkward = (): string =>
  Array.from(randomBytes(24), (byte) => [...alphabet][byte % [...alphabet].length])
    .join('')
    .trim()
    .padEnd(12, 'x');
const VALUES: readonly (() => string)[] = [
  () => randomBytes(18).toString('base64'),
  () => randomBytes(20).toString('hex'),
  () => `k${randomBytes(15).toString('base64url')}`,
  awkward,
  awkward,
  () =>
    `-----BEGIN X-----\n${randomBytes(48).toString('base64')}\n${randomBytes(9).toString('base64')}\n-----END X-----`,
];

const entry = (over: Partial<Entry>): Entry => ({
  v: 1,
  id: `log_${'0'.repeat(26)}`,
  index: 0,
  prev: GENESIS_PREV,
  ts: '2026-11-20T10:11:12.123Z',
  type: 'custom',
  phase: 'point',
  tenant_id: 'local',
  source: { surface: 'sdk', assurance: 'observed', recorder_id: 'rec_1', recorder_version: '0.1.0', seq: 0 },
  ...over,
});

/** Undoes every encoding there is, again and again, and looks for the value in all that comes out. */
function search(text: string, value: string): boolean {
  let layer = new Set([text]);
  for (let depth = 0; depth < 6; depth++) {
    const next = new Set<string>();
    for (const one of layer) {
      if (one.includes(value)) return true;
      next.add(
        one.replace(/\\u([0-9a-fA-F]{4})|\\(["\\/bfnrt])/g, (_, hex: string | undefined, char: string) =>
          hex === undefined
            ? ({ n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }[char] ?? char)
            : String.fromCharCode(Number.parseInt(hex, 16)),
        ),
      );
      next.add(percentDecoded(one));
      next.add(percentDecoded(one.replaceAll('+', ' ')));
      next.add(
        one.replace(
          /&(amp|lt|gt|quot|apos|#39);/g,
          (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", '#39': "'" })[name] ?? '',
        ),
      );
      for (const run of one.match(/(?:[0-9a-fA-F]{2}){6,}/g) ?? [])
        next.add(Buffer.from(run, 'hex').toString());
      for (const run of one.match(/[A-Za-z0-9+/_-]{8,}/g) ?? [])
        next.add(Buffer.from(run, 'base64').toString());
    }
    layer = next;
  }
  return false;
}

function percentDecoded(text: string): string {
  return text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
}

describe('planted secrets', () => {
  for (const [place, plant] of Object.entries(PLACES)) {
    it(`do not survive in ${place}, and would be found there if they did`, () => {
      for (const make of VALUES) {
        for (const [encoding, encode] of Object.entries(ENCODERS)) {
          const value = make();
          const planted = entry(plant(encode(value)));
          const redactor = createRedactor();
          redactor.setSecret('PLANTED', value);
          const what = `${encoding} of ${JSON.stringify(value)}`;
          assert.ok(search(serializeEntry(planted), value), `the search must find ${what}`);
          const text = textFrom(redactor, planted);
          assert.ok(!search(text, value), `${what} in ${text}`);
          assert.match(text, /\[REDACTED:(?:PLANTED|key-name)\]/);
        }
      }
    });
  }
});
