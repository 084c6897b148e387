/** The last moment of a process that records: at any point of a write, nothing is lost, and no place is given twice. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import type { LogStore, PackStore } from '../../src/core/ports.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { lastWords } from '../../src/recorder/last-words.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { filePacks } from '../../src/store/file/packs.ts';
import { openFileStore } from '../../src/store/file/store.ts';
import { type Machine, machine } from '../support/recorder.ts';
import { serviceOf } from '../support/serve.ts';

const SEGMENT = 256;
const PROGRAM: Producer = { surface: 'sdk', assurance: 'self_reported' };
const note = (name: string): Event => ({ type: 'custom', phase: 'point', action: { name } });

interface Stored {
  readonly index: number;
  readonly type: string;
  readonly action?: { readonly name: string };
  readonly outcome?: { readonly status: string; readonly error_kind?: string };
  readonly metadata?: { readonly payload_left_out?: object; readonly reason?: string };
}

interface Box {
  readonly machine: Machine;
  open(
    wrap?: (store: LogStore) => LogStore,
    wrapPacks?: (packs: PackStore) => PackStore,
  ): Promise<LocalRecorder>;
  entries(): readonly Stored[];
}

/** A log in files, whose recorder can be started again. */
async function box(t: TestContext): Promise<Box> {
  const directory = mkdtempSync(join(tmpdir(), 'tally-lastly-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const made = await machine();
  const files = await openFileStore(directory);
  for (const [name, bytes] of made.disk.objects) await files.objects.put(name, bytes);
  await files.close();
  const entries = join(directory, 'entries');
  return {
    machine: made,
    async open(wrap = (store) => store, wrapPacks = (packs) => packs) {
      const store = await openFileStore(directory);
      return made.open({
        wrap: () => wrap(store),
        wrapPacks: () => wrapPacks(filePacks(directory)),
        payloads: {},
        segmentEntries: SEGMENT,
        orphanGraceMs: 0,
      });
    },
    entries: () =>
      readdirSync(entries)
        .filter((name) => name.endsWith('.jsonl'))
        .sort()
        .flatMap((name) => readFileSync(join(entries, name), 'utf8').trimEnd().split('\n'))
        .map((line) => JSON.parse(line) as Stored),
  };
}

/** Each index once, in order; and the next start finds nothing to set aside. */
async function holds({ entries, open }: Box, ended: LocalRecorder): Promise<void> {
  // The process would have ended: here its files are given back.
  await ended.close('the end of the test').catch(() => undefined);
  const before = entries();
  assert.deepEqual(
    before.map(({ index }) => index),
    before.map((_entry, i) => i),
  );
  const recorder = await open();
  assert.deepEqual(recorder.torn, []);
  await recorder.close('the end of the test');
  assert.deepEqual(entries().slice(0, before.length), before);
}

const names = (entries: readonly Stored[]): readonly string[] =>
  entries.flatMap(({ action }) => action?.name ?? []);

test('what is said in it is durable when it returns, behind everything that had its place', async (t) => {
  const one = await box(t);
  const recorder = await one.open();
  await recorder.record(note('before'), PROGRAM);
  const waiting = [recorder.record(note('on its way'), PROGRAM), recorder.record(note('and this'), PROGRAM)];
  assert.equal(recorder.lastly.record([{ event: note('last'), producer: PROGRAM }]), true);
  assert.deepEqual(names(one.entries()), ['before', 'on its way', 'and this', 'last']);
  assert.equal(recorder.lastly.close('process_exit'), true);
  assert.deepEqual(
    [one.entries().at(-1)?.type, one.entries().at(-1)?.metadata?.reason],
    ['log.close', 'process_exit'],
  );
  await assert.rejects(recorder.record(note('too late'), PROGRAM), { code: 'LOG_CLOSED' });
  await Promise.allSettled(waiting);
  await holds(one, recorder);
});

for (const stage of ['openSegment', 'append', 'writePack'] as const)
  test(`while ${stage} is under way`, async (t) => {
    const one = await box(t);
    let held: (() => void) | undefined;
    let reached: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      reached = resolve;
    });
    let isOn = false;
    /** Begins as it would, and ends when it is let. */
    function slow<A extends unknown[]>(call: (...args: A) => Promise<void>) {
      return async (...args: A): Promise<void> => {
        const done = call(...args);
        if (isOn) {
          const free = new Promise<void>((resolve) => {
            held = resolve;
          });
          reached();
          await free;
        }
        await done;
      };
    }
    const recorder = await one.open(
      (store) => ({
        ...store,
        ...(stage === 'openSegment' ? { openSegment: slow(store.openSegment) } : {}),
        ...(stage === 'append' ? { append: slow(store.append) } : {}),
      }),
      (packs) => ({ ...packs, ...(stage === 'writePack' ? { writePack: slow(packs.writePack) } : {}) }),
    );
    // What comes next begins a segment.
    const full = Array.from({ length: SEGMENT - recorder.size() }, () => note('filling'));
    if (stage === 'openSegment') await recorder.recordAll(full, PROGRAM);
    isOn = true;
    const payload = { class: 'note', media_type: 'text/plain', data: 'what it says' };
    const first = recorder.record({ ...note('first'), payload }, PROGRAM);
    first.catch(() => undefined);
    await begun;
    const second = recorder.record(note('second'), PROGRAM);
    second.catch(() => undefined);
    assert.equal(recorder.lastly.record([{ event: note('last'), producer: PROGRAM }]), true);
    const after = one.entries();
    assert.deepEqual(names(after).slice(-3), ['first', 'second', 'last']);
    // Somebody only played the end of the process: what was under way goes on, and must write nothing again.
    held?.();
    await Promise.allSettled([first, second]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(one.entries(), after);
    await holds(one, recorder);
  });

test('a run says its last: its events without payloads, its ends, its own end; what is open ends as unknown', async (t) => {
  const one = await box(t);
  const recorder = await one.open();
  const { handle } = serviceOf(recorder);
  const client = { surface: 'sdk', user: 'ada', uid: 1000, pid: 7 } as const;
  const { run_id, token } = await handle('run.start', { agent_id: 'bot' }, client);
  const begin = (step_id: string) =>
    handle('act.begin', { run_token: token, type: 'tool.call', action: { name: 'look' }, step_id }, client);
  const [first] = [await begin('1'), await begin('2')];
  const payload = { class: 'note', media_type: 'text/plain', data: 'what it says' };
  const words = {
    run_id,
    run_token: token,
    events: [
      { ...note('told'), payload },
      { type: 'log.close', phase: 'point' },
    ] as Event[],
    ends: [
      {
        id: first?.id ?? '',
        end_id: `log_${'0'.repeat(26)}`,
        outcome: { status: 'aborted', error_kind: 'process_exit' },
      },
    ],
    outcome: { status: 'error', error_kind: 'process_exit' },
  } as const;
  assert.equal(lastWords(recorder, { ...words, run_token: 'run_of_another' } as never, client), false);
  assert.equal(lastWords(recorder, words as never, client), true);
  assert.equal(recorder.lastly.close('process_exit'), true);
  const last = one.entries().slice(-5);
  assert.deepEqual(
    last.map(({ type, outcome }) => [type, outcome?.status, outcome?.error_kind]),
    [
      ['custom', undefined, undefined],
      ['tool.result', 'aborted', 'process_exit'],
      ['run.end', 'error', 'process_exit'],
      ['tool.call', 'unknown', undefined],
      ['log.close', undefined, undefined],
    ],
  );
  assert.deepEqual(last[0]?.metadata?.payload_left_out, {
    count: 1,
    places: ['/: all of it, since the process ended'],
  });
  await holds(one, recorder);
});

test('a store that cannot do it says so, and nothing of it is written', async () => {
  const made = await machine();
  const recorder = await made.open();
  assert.equal(recorder.lastly.record([{ event: note('last'), producer: PROGRAM }]), false);
  await recorder.close('the end of the test');
});
