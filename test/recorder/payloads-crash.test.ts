/** A crash at any write of a payload, its key or its entry: what was acknowledged is there whole, and nothing looks altered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import { sha256Hex } from '../../src/core/hash.ts';
import { judgePayloads } from '../../src/core/payload/judge.ts';
import type { DataKeyStore, PackStore } from '../../src/core/ports.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { type Fault, faultyStore, INJECTED } from '../support/faulty.ts';
import { plainOf } from '../support/payloads.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const SDK: Producer = { surface: 'sdk', assurance: 'self_reported' };
const call = (text: string, run: string): Event => ({
  type: 'tool.call',
  phase: 'point',
  run_id: run,
  payload: { media_type: 'text/plain', class: 'arguments', data: text },
});

/** Fails once at the given occurrence, and ever after, like a process that was killed. */
function failing(occurrence: number, fault: Fault) {
  let seen = 0;
  let fired = false;
  return {
    fired: () => fired,
    async run(act: () => Promise<void>, half: () => Promise<void>): Promise<void> {
      if (fired) throw new Error(INJECTED);
      if (seen++ !== occurrence) return act();
      fired = true;
      if (fault === 'reply lost') await act();
      if (fault === 'torn') await half();
      throw new Error(INJECTED);
    },
  };
}

async function assertWhole(box: Machine, acknowledged: ReadonlyMap<number, string>): Promise<void> {
  const recorder = await box.open({ payloads: {} });
  const { index } = await recorder.record(call('after the crash', 'run_9'), SDK);
  await recorder.close('test');
  await assertVerifies(box);
  const entries = entriesOf(box.disk);
  for (const [at, text] of [...acknowledged, [index, 'after the crash'] as const]) {
    const entry = entries[at];
    assert.ok(entry);
    assert.equal(plainOf(box, entry).toString(), text);
  }
  const judge = judgePayloads(({ pack, offset, length, cipher_hash }) => {
    const bytes = box.packs.get(pack)?.subarray(offset, offset + length);
    return bytes?.length !== length ? 'missing' : sha256Hex(bytes) === cipher_hash ? 'intact' : 'altered';
  });
  for (const entry of entries) judge.cite(JSON.parse(JSON.stringify(entry)));
  const verdict = judge.judge(box.packs.get(0)?.length ?? 0, entries.length);
  assert.deepEqual([verdict.status, verdict.checked], ['pass', verdict.cited]);
}

for (const step of ['pack', 'key', 'append'] as const) {
  for (const fault of ['write lost', 'reply lost', 'torn'] as const) {
    test(`after ${fault} at any write of a ${step}, no acknowledged payload is lost and none looks altered`, async () => {
      let hit = 0;
      for (let occurrence = 0; occurrence < 6; occurrence++) {
        const box = await machine();
        const plan = failing(occurrence, fault);
        let fired = plan.fired;
        const wrapPacks = (packs: PackStore): PackStore => ({
          ...packs,
          writePack: (first, offset, bytes) =>
            plan.run(
              () => packs.writePack(first, offset, bytes),
              () => packs.writePack(first, offset, bytes.subarray(0, bytes.length >> 1)),
            ),
        });
        const wrapKeys = (keys: DataKeyStore): DataKeyStore => ({
          ...keys,
          put: (id, bytes) =>
            plan.run(
              () => keys.put(id, bytes),
              async () => undefined,
            ),
        });
        const acknowledged = new Map<number, string>();
        const recorder = await box.open({
          payloads: {},
          ...(step === 'pack' ? { wrapPacks } : {}),
          ...(step === 'key' ? { wrapKeys } : {}),
          ...(step === 'append'
            ? {
                wrap: (store) => {
                  const faulty = faultyStore(store, { step: 'append', occurrence: occurrence + 1, fault });
                  fired = faulty.fired;
                  return faulty;
                },
              }
            : {}),
        });
        for (let wave = 0; wave < 8; wave++) {
          const texts = [0, 1, 2].map((i) => `wave ${wave} payload ${i}`);
          const told = await Promise.allSettled(
            texts.map((text, i) => recorder.record(call(text, `run_${(wave + i) % 5}`), SDK)),
          );
          told.forEach((result, i) => {
            if (result.status === 'fulfilled') acknowledged.set(result.value.index, texts[i] ?? '');
          });
        }
        await recorder.close('test').catch(() => undefined);
        if (fired()) hit++;
        await assertWhole(box, acknowledged);
      }
      assert.ok(hit >= 5, `the fault happened ${hit} times`);
    });
  }
}
