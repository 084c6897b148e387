import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Deviation } from '../../../src/core/baseline/deviation.ts';
import { learnFrom } from '../../../src/core/baseline/read.ts';
import { createWatch } from '../../../src/core/baseline/watch.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { memoryIndex } from '../../../src/index/memory.ts';
import { START } from './simulate.ts';

const HOUR_MS = 3_600_000;

interface Call {
  readonly agent: string;
  readonly ms: number;
  readonly run: string;
  readonly host: string;
  readonly code: number;
}

function entriesOf({ agent, ms, run, host, code }: Call, index: number): JsonObject[] {
  const common = {
    ts: new Date(ms).toISOString(),
    type: 'http.call',
    run_id: run,
    actor: { agent_id: agent, identity_level: 'issued' },
    action: { name: 'http.call', target: { host, method: 'GET' } },
  };
  const outcome = { status: code < 400 ? 'ok' : 'error', status_code: code, duration_ms: 5 };
  return [
    { ...common, id: `a${index}`, phase: 'pre_exec' },
    { ...common, id: `b${index}`, phase: 'post_exec', parent_id: `a${index}`, outcome },
  ];
}

/** Two agents with their own hosts, ten runs of three calls a day each. */
function calls(days: number): Call[] {
  return Array.from({ length: days * 60 }, (_, n) => {
    const day = Math.floor(n / 60);
    const agent = n % 2 === 0 ? 'builder' : 'payer';
    const ms = START + (day * 24 + 10) * HOUR_MS + (n % 60) * 20_000;
    return { agent, ms, run: `${agent}_${Math.floor(n / 6)}`, host: `${agent}.example`, code: 200 };
  });
}

describe('the watch over all agents', () => {
  it('holds each against its own past, learns once a day, and counts a call and its end once', async () => {
    const index = memoryIndex();
    const learned: string[] = [];
    const watch = createWatch({
      windowDays: 30,
      async learn(params) {
        learned.push(`${params.agent} ${params.until.slice(0, 10)}`);
        return (await learnFrom(index.query, params)).model;
      },
    });
    const told: string[] = [];
    let size = 0;
    const see = async (all: readonly Call[]): Promise<void> => {
      for (const [n, call] of all.entries())
        for (const entry of entriesOf(call, size + n)) {
          index.add(entry);
          for (const { agent, words, score, at } of await watch.see(entry, index.query.size - 1)) {
            assert.equal(at, call.ms);
            if (score >= 0.9) told.push(`${agent}: ${words}`);
          }
        }
      size += all.length;
    };
    await see(calls(20));
    assert.equal(told.join('\n'), '');
    assert.equal(learned.length, 40);
    const odd = { agent: 'builder', ms: START + 20 * 24 * HOUR_MS + 10 * HOUR_MS, run: 'r', code: 200 };
    await see([
      { ...odd, host: 'payer.example' },
      { ...odd, host: 'builder.example', ms: odd.ms + 1000 },
    ]);
    assert.deepEqual(told.splice(0), ['builder: first use of payer.example in 200 runs']);
    await see(
      Array.from({ length: 12 }, (_, i) => ({
        ...odd,
        host: 'builder.example',
        ms: odd.ms + (i + 2) * 20_000,
        code: 500,
      })),
    );
    assert.match(
      told.find((words) => words.includes('fails')) ?? '',
      /^builder: .*\(\d of \d+\), usually 0 %/,
    );
    assert.equal(learned.length, 41);
  });

  it('passes over what belongs to no agent or to no time, and learns again after a failure', async () => {
    let fails = true;
    const watch = createWatch({
      windowDays: 30,
      learn: async (params) => {
        if (fails) throw new Error('the index is gone');
        return { ...params, days: [] };
      },
    });
    const none: readonly Deviation[] = [];
    assert.deepEqual(await watch.see({ type: 'log.open', ts: '2026-06-01T00:00:00.000Z' }, 0), none);
    const odd = { type: 'http.call', actor: { agent_id: 'a' } };
    for (const ts of ['', 'soon', '2026-13-45T00:00:00.000Z', '2026-06-01T00:00:00Z'])
      assert.deepEqual(await watch.see({ ...odd, ts }, 1), none);
    const entry = { ...odd, ts: '2026-06-01T00:00:00.000Z' };
    await assert.rejects(watch.see(entry, 2), /the index is gone/);
    fails = false;
    assert.deepEqual(await watch.see(entry, 3), none);
  });
});
