import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { newTrace, traceOf } from '../../../src/capture/proxy/trace.ts';
import { readTraceparent } from '../../../src/core/trace-context.ts';
import { echo, stage } from './stage.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PARENT = `00-${TRACE}-${SPAN}-01`;
const MADE = { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) };
const make = () => MADE;

async function scene(t: TestContext) {
  const s = await stage(t);
  const up = await s.upstream(echo);
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  const call = async (headers: Record<string, string | string[]>) => {
    const { raw } = (await s.get(`${up.origin}/`, headers)).json() as { raw: string[] };
    await s.quiet();
    const sent = (wanted: string) =>
      raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === wanted);
    return { parents: sent('traceparent'), states: sent('tracestate'), ...s.pair() };
  };
  return { s, up, call };
}

test('a caller’s trace is recorded as its word, in both entries, and goes upstream as it came', async (t) => {
  const { call } = await scene(t);
  const { parents, states, pre, post } = await call({ traceparent: PARENT, tracestate: 'rojo=1,congo=2' });
  assert.deepEqual([parents, states], [[PARENT], ['rojo=1,congo=2']]);
  assert.deepEqual(pre.trace, { trace_id: TRACE, span_id: SPAN });
  assert.deepEqual(post.trace, pre.trace);
  assert.equal(pre.quality?.trace, 'asserted');
});

test('a call without a trace gets one that its upstream sees too', async (t) => {
  const { call } = await scene(t);
  const { parents, states, pre } = await call({ tracestate: 'rojo=1' });
  const said = readTraceparent(parents);
  assert.ok(said.kind === 'valid');
  assert.deepEqual([pre.trace, states], [{ ...said.context }, []]);
  assert.equal(pre.quality?.trace, undefined);
});

test('a trace that cannot be read is replaced, and the entry says so', async (t) => {
  const { call } = await scene(t);
  const { parents, states, pre } = await call({ traceparent: [PARENT, PARENT], tracestate: 'rojo=1' });
  assert.equal(parents.length, 1);
  assert.ok(!parents[0]?.includes(TRACE));
  assert.deepEqual([states, pre.quality?.trace], [[], 'inferred']);
});

test('a call that is refused has its trace on record as well', async (t) => {
  const { s } = await scene(t);
  await s.get('https://nobody.example/', { traceparent: PARENT });
  await s.call({ headers: { 'X-AS-Target-URL': 'https://nobody.example/', traceparent: PARENT } });
  await s.quiet();
  assert.deepEqual(
    s.entries().map(({ phase, trace }) => [phase, trace?.trace_id]),
    [
      ['pre_exec', TRACE],
      ['post_exec', TRACE],
      ['point', TRACE],
    ],
  );
});

test('a tracestate that is none is dropped, and the traceparent stays', () => {
  const took = traceOf(['Accept', '*/*', 'TraceParent', PARENT, 'TraceState', 'no state'], make);
  assert.deepEqual(took.forward, ['Accept', '*/*', 'TraceParent', PARENT]);
  assert.equal(took.trace.trace_id, TRACE);
});

test('whatever the headers are, one traceparent that is one goes upstream, and nothing else is lost', () => {
  const name = fc.constantFrom(
    'traceparent',
    'TRACEPARENT',
    'tracestate',
    'accept',
    'x-trace',
    'traceparents',
  );
  const value = fc.oneof(fc.constantFrom(PARENT, 'rojo=1', '', 'ff'), fc.string({ maxLength: 80 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (pairs) => {
      const headers = pairs.flat();
      const { forward, trace } = traceOf(headers, make);
      const sent: (readonly [string, string])[] = [];
      for (let i = 0; i < forward.length; i += 2)
        sent.push([forward[i]?.toLowerCase() ?? '', forward[i + 1] ?? '']);
      const parents = sent.filter(([key]) => key === 'traceparent').map(([, text]) => text);
      assert.deepEqual(readTraceparent(parents), { kind: 'valid', context: trace });
      const others = (all: readonly (readonly [string, string])[]) =>
        all.filter(([key]) => !/^trace(parent|state)$/i.test(key));
      assert.deepEqual(others(sent), others(pairs));
    }),
  );
});

test('no two traces that we make are alike', () => {
  const seen = new Set(Array.from({ length: 2_000 }, () => newTrace().trace_id));
  assert.equal(seen.size, 2_000);
});
