/** What programs send through the broker as their proxy: request lines, placeholders wherever they stand. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Forwarded } from '../../../src/capture/proxy/arrival.ts';
import { inodeOf, readStat } from '../../../src/capture/proxy/caller-proc.ts';
import { parseForward } from '../../../src/capture/proxy/forward.ts';
import { placeholderFor, placeholdersIn, type Writing } from '../../../src/capture/proxy/placeholder.ts';
import { spotsInBody, spotsInHead } from '../../../src/capture/proxy/placeholder-find.ts';
import { putPlaceholders } from '../../../src/capture/proxy/placeholder-put.ts';
import { watchFor } from '../../../src/capture/proxy/placeholder-watch.ts';
import { nearlyText } from '../mutate.ts';
import { type Target, target } from '../target.ts';

const held = placeholderFor('run_1.secret', 'STRIPE_KEY');
const odd = placeholderFor('run_1.secret', 'a/b:c@d.e-f');
const escaped = (text: string): string => text.replace(/[/:]/g, (char) => (char === '/' ? '\\/' : '\\u003A'));
const texts = [
  `Bearer ${held}`,
  `a=1; b=${encodeURIComponent(odd)}; c=${odd}${held}`,
  `?key=${encodeURIComponent(held)}&%74ally-ref%3aX%3A0123456789abcdef=${held}0`,
  `{"a":["\\\\${held}","\\tally-ref:KEY:0123456789abcdef",{"${escaped(odd)}":"x${escaped(odd)}y"}],"messages":[{"content":"${held}"}]}`,
  'tally-ref:tally-ref:A:0123456789abcdeftally-ref:B:0123456789abcde',
];
const WRITINGS: readonly Writing[] = ['plain', 'percent', 'json'];

const lines = [
  'GET\nhttp://api.example.com/v1/../x?a=%20b#c\nhost\napi.example.com\nproxy-authorization\nBasic cnVuOnRva2Vu\nx-as-agent-id\nme',
  'POST\n/v1/items?key=1\nHost\napi.example.com:8443\ncontent-type\napplication/json\ncontent-length\n12\naccept-encoding\ngzip',
  'DELETE\nhttps://user:pass@[::1]:8443//evil.example/\nhost\n[::1]:8443\nx-as-inject-bearer\nKEY\norigin\nhttps://a.example',
];
const arrivals: readonly Forwarded[] = [
  { scheme: 'http', authority: 'api.example.com', authorization: 'Basic cnVuOnRva2Vu', intercepted: false },
  { scheme: 'https', authority: 'api.example.com:8443', authorization: undefined, intercepted: true },
  { scheme: 'https', authority: '0x7f.1:443', authorization: 'Bearer x', intercepted: true },
];

const VALUE = Buffer.from('<"ü\\ &=%>');
const values = { get: () => VALUE } as unknown as ReadonlyMap<string, Buffer>;

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:C001 0100007F:225F 01 00000000:00000000 02:00000A3B 00000000  1000        0 101 1 0 20 4 0 10 -1
   1: 0100007F:225F 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 102 1 0 20 4 0 10 -1`;
const STAT = `12 (a (b) c) S 7 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 2 3`;

export const forwardedTargets: readonly Target[] = [
  target('callers: what the system says is read, or not', nearlyText([TCP, STAT]), (text) => {
    const inode = inodeOf(text, { theirs: 0xc001, ours: 0x225f });
    assert.ok(inode === undefined || /^[1-9]\d*$|^0\d+$/.test(inode));
    const stat = readStat(text);
    assert.ok(stat === undefined || (Number.isSafeInteger(stat.ppid) && /^\d+$/.test(stat.started)));
  }),
  target(
    'placeholders: a stream cut anywhere holds the same ones',
    fc.tuple(
      nearlyText([`--x\n${odd}\n${held}\n--x--`, `${held}${held}tally-ref:`, ...texts]),
      fc.integer({ min: 1, max: 80 }),
    ),
    ([text, step]) => {
      const bytes = Buffer.from(text);
      const whole = watchFor('run_1.secret')?.push(bytes);
      const watch = watchFor('run_1.secret');
      let found: string | undefined;
      for (let at = 0; at < bytes.length && found === undefined; at += step)
        found = watch?.push(bytes.subarray(at, at + step));
      assert.equal(found, whole);
    },
  ),
  target(
    'placeholders: what is found stands there, in order, and once',
    fc.tuple(fc.nat(WRITINGS.length - 1), nearlyText(texts)),
    ([which, text]) => {
      const writing = WRITINGS[which] ?? 'plain';
      let from = 0;
      for (const { ref, nonce, start, end } of placeholdersIn(text, writing)) {
        assert.ok(start >= from && end > start && end <= text.length);
        from = end;
        const piece = text.slice(start, end);
        const read =
          writing === 'plain'
            ? piece
            : writing === 'percent'
              ? decodeURIComponent(piece)
              : (JSON.parse(`"${piece}"`) as string);
        assert.equal(read, `tally-ref:${ref}:${nonce}`);
      }
    },
  ),
  target('placeholders: a body changes where they stand and nowhere else', nearlyText(texts), (text) => {
    for (const type of ['json', 'form'] as const) {
      const body = Buffer.from(text);
      const { spots, problem } = spotsInBody(body, type);
      if (problem !== undefined) continue;
      const put = putPlaceholders({ path: '/', headers: [], body }, spots, values);
      assert.ok('request' in put && put.request.body !== undefined);
      const out = put.request.body;
      let at = 0;
      let from = 0;
      for (const { start, end, writing } of spots) {
        const written =
          writing === 'json' ? JSON.stringify(`${VALUE}`).slice(1, -1) : encodeURIComponent(`${VALUE}`);
        const kept = start - from;
        assert.ok(out.subarray(at, at + kept).equals(body.subarray(from, start)));
        at += kept;
        assert.equal(out.subarray(at, at + Buffer.byteLength(written)).toString(), written);
        at += Buffer.byteLength(written);
        from = end;
      }
      assert.ok(out.subarray(at).equals(body.subarray(from)));
      if (type === 'json' && spots.length > 0) JSON.parse(out.toString());
    }
  }),
  target('placeholders: a head is read whatever it is', nearlyText(texts), (text) => {
    const basic = `Basic ${Buffer.from(text).toString('base64')}`;
    const headers = ['Authorization', basic, 'X-Any', text, 'authorization', text];
    const spots = spotsInHead(headers, text);
    const put = putPlaceholders(
      { path: `/${text.startsWith('?') ? text : `?${text.slice(1)}`}`, headers, body: undefined },
      spots.filter(({ at }) => at === 1),
      new Map([['STRIPE_KEY', VALUE]]),
    );
    if ('request' in put) assert.deepEqual(put.request.headers.slice(2), headers.slice(2));
  }),
  target(
    'forwarded: a request has one target, or a problem',
    fc.tuple(fc.nat(arrivals.length - 1), nearlyText(lines)),
    ([which, text]) => {
      const arrival = arrivals[which] ?? arrivals[0];
      const [method = '', url = '', ...raw] = text.split('\n');
      assert.ok(arrival !== undefined);
      const control = parseForward(arrival, raw.length % 2 === 0 ? raw : raw.slice(1), method, url);
      assert.ok(control.problem !== undefined || control.target !== undefined);
      for (let i = 0; i < control.forward.length; i += 2) {
        const name = control.forward[i]?.toLowerCase() ?? '';
        assert.ok(
          !/^(x-as-.*|proxy-authorization|host|content-length|connection)$/.test(name),
          `${name} is passed on`,
        );
      }
      if (control.problem !== undefined || control.target === undefined) return;
      const { host, path, search } = control.target;
      assert.ok(path.startsWith('/') && !/[\s\\#]/.test(path + search));
      if (arrival.intercepted) assert.ok(host === 'api.example.com' || host === '127.0.0.1');
    },
  ),
];
