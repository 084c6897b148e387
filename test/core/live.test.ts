/** What may be asked of the live tail, how it is framed, and what it says is missing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import fc from 'fast-check';
import { filterOptions } from '../../src/cli/filters.ts';
import { createFrames } from '../../src/core/live/frames.ts';
import { watchInterruptions } from '../../src/core/live/interruptions.ts';
import { LIVE_PARAMETERS, parseLiveRequest } from '../../src/core/live/params.ts';

const NOW = Date.parse('2026-11-20T12:00:00.000Z');
const ask = (query: string, lastId?: string) => parseLiveRequest(query, lastId, NOW);
function asked(query: string, lastId?: string) {
  const parsed = ask(query, lastId);
  assert.ok('request' in parsed, JSON.stringify(parsed));
  return parsed.request;
}
function refused(query: string, lastId?: string): string {
  const parsed = ask(query, lastId);
  assert.ok('refusal' in parsed, JSON.stringify(parsed));
  return `${parsed.refusal.message} (${parsed.refusal.hint})`;
}

describe('a request for the live tail', () => {
  it('takes every filter that the command line has, by its name', () => {
    const names = filterOptions(new Command()).options.map(({ long }) => long?.slice(2) ?? '');
    assert.deepEqual(
      names.filter((name) => !LIVE_PARAMETERS.includes(name)),
      [],
    );
    assert.deepEqual(
      LIVE_PARAMETERS.filter((name) => !names.includes(name)),
      ['from', 'log'],
    );
  });

  it('reads filters as the command line does', () => {
    assert.deepEqual(
      asked(
        'agent=a&type=x&type=secret&status=404&failed&method=get&decision=denied&phase=pre&host=A.Example&since=2h',
      ).filter,
      {
        agent: 'a',
        types: ['x', 'secret'],
        status: 404,
        failed: true,
        method: 'GET',
        decision: 'stop',
        phase: 'pre_exec',
        host: 'a.example',
        since: '2026-11-20T10:00:00.000Z',
      },
    );
    assert.deepEqual(asked('failed=false&text=two+words').filter, { text: 'two words' });
    assert.equal(asked('agent=a&run=r').key, asked('run=r&agent=a').key);
  });

  it('begins where it is told to, and where a client that comes back had got to', () => {
    assert.equal(asked('').from, undefined);
    assert.equal(asked('from=7').from, 7);
    assert.equal(asked('from=7', '41').from, 42);
    assert.equal(asked('from=7', '').from, 7);
    for (const bad of ['-1', '1e99', 'x', '1.5', '99999999999999999', '9007199254740991', ' 1', '0x10'])
      assert.match(refused('', bad), /Last-Event-ID is no index/, bad);
    for (const bad of ['-1', '1e9', 'x']) assert.match(refused(`from=${bad}`), /from is no index/);
  });

  it('refuses what it does not know, and says what was probably meant', () => {
    assert.match(refused('agnt=a'), /no parameter "agnt" \(did you mean agent\?\)/);
    assert.match(refused('status_class=5xx'), /did you mean status-class\?/);
    assert.match(refused('whatever=1'), /parameters are agent, run/);
    assert.match(refused('__proto__=1'), /no parameter/);
    assert.match(refused('agent=a&agent=b'), /agent is said twice/);
    assert.match(refused('status=ok&outcome=ok'), /status and outcome is said twice/);
    assert.match(refused('agent='), /agent has no value/);
    assert.match(refused('since=today'), /since is a time such as/);
    assert.match(refused('since=1h&until=2h'), /since is not before until/);
    assert.match(refused('text=%2B%2B'), /text has no word/);
    assert.match(refused('status-class=9xx'), /status-class is one of 1xx/);
  });

  it('answers any query, in bounded time', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webQueryParameters()), fc.option(fc.string()), (query, id) => {
        const parsed = parseLiveRequest(query, id ?? undefined, NOW);
        assert.ok('request' in parsed || parsed.refusal.message !== '');
      }),
    );
  });
});

describe('frames', () => {
  it('give back every entry and its index, however many', () => {
    fc.assert(
      fc.property(fc.array(fc.json(), { maxLength: 200 }), fc.nat(), (lines, first) => {
        const frames = createFrames(16);
        lines.forEach((line, i) => {
          frames.entry(first + i, Buffer.from(line));
        });
        const blocks = frames.take().toString('utf8').split('\n\n').slice(0, -1);
        assert.deepEqual(
          blocks,
          lines.map((line, i) => `id: ${first + i}\ndata: ${line}`),
        );
        assert.equal(frames.length, 0);
      }),
    );
  });
});

describe('interruptions', () => {
  const line = (type: string, ts: string, assurance = 'enforced', metadata = {}): Buffer =>
    Buffer.from(JSON.stringify({ metadata, source: { assurance }, ts: `2026-11-20T${ts}.000Z`, type, v: 1 }));

  function told(...lines: readonly Buffer[]) {
    const watch = watchInterruptions();
    return lines.map((one, i) => watch.see(i, one)).filter((one) => one !== undefined);
  }

  it('tell how long no recorder ran, and whether the one before had closed the log', () => {
    assert.deepEqual(told(line('log.open', '10:00:00')), []);
    const stopped = { kind: 'stopped', since: '2026-11-20T10:01:00.000Z', until: '2026-11-20T10:09:00.000Z' };
    assert.deepEqual(told(line('log.close', '10:01:00'), line('log.open', '10:09:00')), [
      { ...stopped, closed: true, before: 1 },
    ]);
    assert.deepEqual(told(line('http.call', '10:01:00'), line('log.open', '10:09:00')), [
      { ...stopped, closed: false, before: 1 },
    ]);
    // What a recorder sets aside before it opens is not the last word of the one before.
    assert.deepEqual(
      told(line('http.call', '10:01:00'), line('log.recover', '10:09:00'), line('log.open', '10:09:00')),
      [{ ...stopped, closed: false, before: 2 }],
    );
  });

  it('tell of times in which nothing could be written', () => {
    const metadata = { from: 'a', to: 'b', count: 3 };
    assert.deepEqual(told(line('log.gap', '10:00:00', 'enforced', metadata)), [
      { kind: 'unwritten', since: 'a', until: 'b', count: 3, before: 0 },
    ]);
  });

  it('take no client’s word for a start, and nothing inside of an entry', () => {
    assert.deepEqual(told(line('http.call', '10:00:00'), line('log.open', '10:05:00', 'self_reported')), []);
    assert.deepEqual(
      told(line('note', '10:00:00', 'enforced', { x: line('log.gap', '10:00:00').toString() })),
      [],
    );
  });

  it('take any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (lines) => {
        told(...lines.map((bytes) => Buffer.from(bytes)));
      }),
    );
  });
});
