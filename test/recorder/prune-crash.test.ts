/** A prune that is cut short at any write: the next start ends in nothing removed, or in all of what was named. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import type { DataKeyStore, LogStore, ObjectStore, PackStore } from '../../src/core/ports.ts';
import { exitCodeOf } from '../../src/core/tlog/verify-report.ts';
import type { Producer } from '../../src/recorder/api.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { memoryObjects } from '../../src/store/memory.ts';
import { INJECTED } from '../support/faulty.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies, reportOf } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'sdk', assurance: 'observed' };
const ASKED: Event = { type: 'log.prune', phase: 'point', actor: { user: { id: 'ann' } } };
const DAY = 86_400_000;
const OLD_POLICY = 'version: "0"\nallowlist: [old.example.com]\n';

const said = (i: number): Event => ({
  type: 'tool.call',
  phase: 'point',
  run_id: `run_${i}`,
  payload: { media_type: 'text/plain', class: 'prompt', data: `payload ${i}` },
});

type Fault = 'write lost' | 'reply lost' | 'half';

/** The process dies at the n-th write to anything durable after it was armed; what comes after it does not happen. */
function mortal(occurrence: number, fault: Fault) {
  let armed = false;
  let seen = 0;
  let hit: string | undefined;

  async function run<T>(step: string, act: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> {
    if (hit !== undefined) throw new Error(INJECTED);
    if (!armed || seen++ !== occurrence) return act();
    hit = step;
    if (fault === 'reply lost') await act();
    if (fault === 'half') await half?.();
    throw new Error(INJECTED);
  }

  const objects = (where: string, inner: ObjectStore): ObjectStore => ({
    ...inner,
    put: (name, bytes, options) => run(`${where} ${name}`, () => inner.put(name, bytes, options)),
    putMany: (many, options) => run(`${where} ${many.length} objects`, () => inner.putMany(many, options)),
    remove: (name) => run(`${where} remove ${name}`, () => inner.remove(name)),
  });
  return {
    arm() {
      armed = true;
    },
    hit: () => hit,
    store: (store: LogStore): LogStore => ({
      ...store,
      openSegment: (first) => run('segment', () => store.openSegment(first)),
      append: (bytes) => run('append', () => store.append(bytes)),
      removeBefore: (to) =>
        run(
          'segments',
          () => store.removeBefore(to),
          () => store.removeBefore(to - 256),
        ),
      objects: objects('log', store.objects),
    }),
    heads: (heads: ObjectStore) => objects('heads', heads),
    packs: (packs: PackStore): PackStore => ({
      ...packs,
      removeBefore: (to) =>
        run(
          'packs',
          () => packs.removeBefore(to),
          () => packs.removeBefore(to - 256),
        ),
    }),
    keys: (keys: DataKeyStore): DataKeyStore => ({
      ...keys,
      erase: (id) => run('key', () => keys.erase(id)),
    }),
  };
}

const OPEN = { segmentEntries: 256, payloads: {} } as const;

/** A log with old entries under another policy, and a first prune behind it. */
async function made(): Promise<Machine> {
  const box = await machine();
  const old = await box.open({ ...OPEN, policy: OLD_POLICY });
  for (let i = 0; i < 530; i++) {
    if (i % 128 === 0) box.clock.ms += DAY;
    await old.record(
      i % 50 === 7 ? said(i) : { type: 'step.note', phase: 'point', metadata: { i } },
      PRODUCER,
    );
  }
  await old.pruner.prune({ rule: { days: 2 } }, ASKED);
  await old.close('end');
  return box;
}

async function recorded(box: Machine, recorder: LocalRecorder): Promise<void> {
  for (let i = 600; i < 1100; i++) {
    if (i % 128 === 0) box.clock.ms += DAY;
    await recorder.record(
      i % 50 === 7 ? said(i) : { type: 'step.note', phase: 'point', metadata: { i } },
      PRODUCER,
    );
  }
  await recorder.checkpoint();
}

const firstOf = (box: Machine): number => Math.min(...box.disk.segments.keys());

for (const fault of ['write lost', 'reply lost', 'half'] as const) {
  test(`cut short at any step (${fault}), the log verifies, and the next start removes all of what was named or nothing`, async () => {
    const steps: string[] = [];
    for (let occurrence = 0; occurrence < 60; occurrence++) {
      const box = await made();
      const life = mortal(occurrence, fault);
      const recorder = await box.open({
        ...OPEN,
        wrap: life.store,
        heads: life.heads(memoryObjects(box.heads)),
        wrapPacks: life.packs,
        wrapKeys: life.keys,
      });
      await recorded(box, recorder);
      const before = firstOf(box);
      life.arm();
      const asked = await recorder.pruner.prune({ rule: { days: 2 } }, ASKED).then(
        () => 'done',
        () => 'failed',
      );
      const hit = life.hit();
      await recorder.close('killed').catch(() => undefined);
      if (hit === undefined) {
        assert.equal(asked, 'done');
        break;
      }
      steps.push(hit);
      const about = `${fault} at ${occurrence}: ${hit}`;
      const cut = await reportOf(box);
      assert.equal(exitCodeOf(cut), 0, `${about}: ${JSON.stringify(cut)}`);
      // The snapshot of the registry may be lost as well.
      if (occurrence % 2 === 0) box.registry.clear();
      const again = await box.open(OPEN);
      // A turn behind what the start goes on with.
      await again.pruner.resume();
      assert.equal(again.pruner.failure(), undefined, about);
      await again.close('end');
      await assertVerifies(box);
      const notes = entriesOf(box.disk).filter(({ type }) => type === 'log.prune');
      const begun = notes
        .filter(({ outcome, index }) => outcome?.status === 'started' && index > 1000)
        .at(-1);
      const first = firstOf(box);
      if (begun === undefined) assert.equal(first, before, about);
      else {
        const end = notes.find(({ parent_id }) => parent_id === begun.id)?.outcome?.status;
        assert.equal(first, end === 'ok' ? begun.metadata?.to : before, about);
        assert.ok(end === 'ok' || end === 'aborted', about);
        if (end === 'ok') {
          assert.ok(
            [...box.packs.keys()].every((pack) => pack >= first),
            about,
          );
          const cited = new Set(entriesOf(box.disk).flatMap(({ payload }) => payload?.key_id ?? []));
          assert.deepEqual([...box.dataKeys.keys()].sort(), [...cited].sort(), about);
          const carried = [...box.disk.objects.keys()].filter((name) => name.startsWith('pruned/'));
          assert.equal(carried.length, 1, about);
          assert.equal(
            [...box.disk.objects.keys()].filter((name) => name.startsWith('policies/')).length,
            1,
            about,
          );
        }
      }
    }
    for (const step of ['append', 'segments', 'packs', 'key', 'log checkpoint', 'heads local/checkpoint'])
      assert.ok(steps.includes(step), `${step} was tried: ${steps.join(', ')}`);
    assert.ok(steps.some((step) => step.startsWith('log pruned/')));
    assert.ok(steps.some((step) => step.startsWith('log remove policies/')));
    assert.ok(steps.some((step) => step.startsWith('log remove pruned/')));
  });
}
