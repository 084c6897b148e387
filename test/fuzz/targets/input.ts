/** What others send: entries, hand-over messages, headers, targets, content codings. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { codingsOf } from '../../../src/capture/proxy/decode.ts';
import { parseControl } from '../../../src/capture/proxy/headers.ts';
import { parseTarget } from '../../../src/capture/proxy/target.ts';
import { decodeUtf8, encodeUtf8 } from '../../../src/core/bytes.ts';
import { canonicalize, parseCanonical, serializeEntry } from '../../../src/core/canonical.ts';
import { quickCheck } from '../../../src/core/check.ts';
import { EntrySchema, EventSchema } from '../../../src/core/entry.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { parseJson } from '../../../src/core/parse.ts';
import { classifyAddress, formatV4, parseAddress } from '../../../src/core/policy/address.ts';
import { formatHostPort, normalizeHost, parseHostPort } from '../../../src/core/policy/hosts.ts';
import { parseLine } from '../../../src/core/query/line.ts';
import { lineSplitter } from '../../../src/core/wire.ts';
import { OPS, type Op } from '../../../src/recorder/ops.ts';
import { buildLog } from '../../core/tlog/fixture.ts';
import { nearly, nearlyText } from '../mutate.ts';
import { accepted, type Target, target } from '../target.ts';

const entries = [
  ...buildLog(2).lines,
  '{"a\\n":1,"a\\\\":{"b\\"":[1e21,-0,0.1]},"index":0,"prev":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}',
  '{"action":{"name":"x","target":{"host":"h","port":443,"scheme":"https"}},"actor":{"identity_level":"declared"},"id":"log_01ARZ3NDEKTSV4RRFFQ69G5FAV","index":3,"outcome":{"status":"ok"},"phase":"post_exec","prev":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","source":{"assurance":"observed","recorder_id":"r","recorder_version":"1","seq":3,"surface":"sdk"},"tenant_id":"local","ts":"2026-01-01T00:00:00.000Z","type":"tool.call","v":1}',
];
const checkEvent = quickCheck(EventSchema);

const requests = [
  '{"id":1,"op":"record","params":{"event":{"type":"step.note","phase":"point","metadata":{"a":[1]}}},"client":{"surface":"sdk"}}\n{"id":2,"op":"status","params":{}}\n',
  '{"id":3,"op":"run.end","params":{"run_id":"r","run_token":"t","outcome":{"status":"ok"}}}\n\n\n',
];
const ops = Object.keys(OPS) as Op[];
const params = [
  '{"event":{"type":"tool.call","phase":"pre_exec","action":{"name":"x","args":{"a":1}},"credentials":[{"ref":"K","injection_style":"bearer"}]}}',
  '{"agent_id":"builder","label":"x","expires_in_s":60}',
  '{"operation":"set","key":"K","reason":"r"}',
  '{"text":"version: \\"1\\"","reason":"r"}',
];

const headers = [
  'host\n127.0.0.1\nx-as-target-url\nhttps://api.example.com/v1?a=b\nx-as-inject-bearer\nMY_KEY\ncontent-type\napplication/json\ncontent-length\n12',
  'x-as-target-url\nhttp://[::1]:8080/\nX-AS-Inject-Query-key\nA\nX-AS-Inject-Body-a-b\nB\ntransfer-encoding\nchunked\nconnection\nclose, x-a\nx-a\n1\nx-as-method\nDELETE',
];
const targets = [
  'https://api.example.com:8443/v1/things?q=1#f',
  'http://127.0.0.1/',
  'https://[2001:db8::1]:443/a',
  'http://0x7f.1/',
  'https://ex%61mple.com/../..',
  'https://user:pass@example.com/',
  'http://xn--bcher-kva.example/',
];
const addresses = [
  '127.0.0.1',
  '::ffff:10.0.0.1',
  '2001:db8::1',
  'fe80::1%eth0',
  '64:ff9b::a9fe:a9fe',
  '0:0:0:0:0:0:0:1',
  '169.254.169.254',
];
const hosts = [
  'example.com',
  'a.b.example:443',
  '[::1]:80',
  '10.1',
  '0x7f000001',
  'EXAMPLE.com.',
  'bücher.example',
  '*.example.com',
];

/** V8 reads some names that hold an escape wrongly; that reader cannot judge ours. */
const hasEscapedName = (text: string): boolean => /\\[^"]*"\s*:/.test(text) || /\\/.test(text);

export const inputTargets: readonly Target[] = [
  target('entries: canonical bytes are written back', nearly(entries.map(encodeUtf8)), ({ bytes }) => {
    const value = accepted(['NOT_CANONICAL'], () => parseCanonical(bytes));
    if (value === undefined) return;
    assert.equal(canonicalize(value), decodeUtf8(bytes));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      assert.equal(serializeEntry(value), decodeUtf8(bytes));
    EntrySchema.safeParse(value);
  }),
  target('entries: JSON reads as the standard says', nearlyText(entries), (text) => {
    let expected: unknown;
    let refused = false;
    try {
      expected = JSON.parse(text);
    } catch {
      refused = true;
    }
    let ours: unknown;
    try {
      ours = parseJson(text);
    } catch (error) {
      assert.ok(error instanceof SyntaxError, String(error));
      assert.ok(refused || text.includes('\\'), 'it refuses what is JSON');
      return;
    }
    assert.ok(!refused, 'it reads what is no JSON');
    if (!hasEscapedName(text)) assert.deepEqual(ours, expected);
  }),
  target(
    'entries: a line is one object, or said to be malformed',
    nearly(entries.map(encodeUtf8)),
    ({ bytes }) => {
      const parsed = parseLine(Buffer.from(bytes));
      if ('entry' in parsed) assert.ok(typeof parsed.entry === 'object' && !Array.isArray(parsed.entry));
    },
  ),
  target('events: the quick check lets through only what the schema does', nearlyText(params), (text) => {
    let value: unknown;
    try {
      value = (JSON.parse(text) as { event?: unknown } | null)?.event;
    } catch {
      return;
    }
    if (checkEvent(value) === true) assert.ok(EventSchema.safeParse(value).success);
  }),
  target(
    'hand-over: a stream cut anywhere gives the same messages',
    fc.tuple(nearly(requests.map(encodeUtf8)), fc.integer({ min: 1, max: 60 })),
    ([{ bytes }, step]) => {
      const whole: string[] = [];
      lineSplitter((line) => whole.push(line))(bytes);
      const pieces: string[] = [];
      const push = lineSplitter((line) => pieces.push(line));
      for (let at = 0; at < bytes.length; at += step) push(bytes.subarray(at, at + step));
      assert.deepEqual(pieces, whole);
      const end = bytes.lastIndexOf(10) + 1;
      const text = Buffer.from(bytes.subarray(0, end)).toString('utf8');
      assert.deepEqual(
        whole,
        text.split('\n').filter((line) => line !== ''),
      );
    },
  ),
  target(
    'hand-over: the shape of every request is checked',
    fc.tuple(fc.nat(ops.length - 1), nearlyText(params)),
    ([op, text]) => {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return;
      }
      OPS[ops[op] ?? 'status'].safeParse(value);
    },
  ),
  target('headers: everything is read, or the first problem named', nearlyText(headers), (text) => {
    const raw = text.split('\n');
    const control = parseControl(raw.length % 2 === 0 ? raw : raw.slice(1), 'POST');
    assert.equal(control.forward.length % 2, 0);
    for (let i = 0; i < control.forward.length; i += 2) {
      const name = control.forward[i]?.toLowerCase() ?? '';
      assert.ok(
        !name.startsWith('x-as-') && name !== 'content-length' && name !== 'host',
        `${name} is passed on`,
      );
    }
    if (control.problem === undefined) assert.ok(control.target !== undefined);
  }),
  target('targets: a URL means one place', nearlyText(targets), (text) => {
    const url = parseTarget(text);
    if ('problem' in url) return;
    const again = parseTarget(`${url.origin}${url.path}${url.search}`);
    assert.deepEqual(again, url);
    assert.ok(url.path.startsWith('/') && !/[\s\\]/.test(url.path + url.search));
  }),
  target('addresses: an address has one form and one kind', nearlyText(addresses), (text) => {
    const address = parseAddress(text);
    const { kind } = classifyAddress(text);
    assert.equal(kind === 'unparsable', address === undefined);
    if (address?.family === 4) assert.deepEqual(parseAddress(formatV4(address.value)), address);
  }),
  target('hosts: a normal form stays as it is', nearlyText(hosts), (text) => {
    const named = normalizeHost(text);
    if ('host' in named) assert.deepEqual(normalizeHost(named.host), named);
    const pair = parseHostPort(text);
    if (!('problem' in pair)) assert.deepEqual(parseHostPort(formatHostPort(pair.host, pair.port)), pair);
  }),
  target(
    'codings: only known ones are undone, and not too many',
    nearlyText(['gzip', 'gzip, br, zstd', 'identity, deflate', 'x-gzip,,gzip']),
    (text) => {
      const { codings, unknown } = codingsOf(text);
      if (unknown === undefined) assert.ok(codings.length <= LIMITS.contentCodings);
    },
  ),
];
