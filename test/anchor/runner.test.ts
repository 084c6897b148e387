import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnchorDriver } from '../../src/anchor/driver.ts';
import { listReceipts, readReceipt } from '../../src/anchor/receipts.ts';
import { type AnchorHost, type AnchorRunner, createAnchorRunner } from '../../src/anchor/runner.ts';
import { TallyError } from '../../src/core/error.ts';
import { sha256Hex } from '../../src/core/hash.ts';
import { rotationName } from '../../src/core/tlog/key-history.ts';
import { openMemoryStore } from '../../src/store/memory.ts';
import { makeLog } from './log.ts';

interface Recorded {
  readonly type: string;
  readonly metadata: Readonly<Record<string, string | number>>;
  /** Whether the receipt was stored when the entry was written. */
  readonly stored: boolean;
}

interface Stage {
  readonly runner: AnchorRunner;
  readonly recorded: Recorded[];
  readonly warnings: string[];
  readonly objects: ReturnType<typeof openMemoryStore>['objects'];
  /** Signs so many more entries. */
  grow(entries: number): Promise<void>;
  /** Lets so much time pass. */
  pass(ms: number): void;
  turn(): Promise<void>;
}

/** A recorder as far as the runner sees it, with a clock of its own. */
function stage(driver: AnchorDriver, everyMs = 60_000): Stage {
  const store = openMemoryStore();
  const log = makeLog();
  const recorded: Recorded[] = [];
  const warnings: string[] = [];
  let now = 1_800_000_000_000;
  let size = 0;
  let signed = 0;
  const sign = async (): Promise<number> => {
    signed = size;
    await store.objects.put('checkpoint', (await log.subject(size)).note);
    return signed;
  };
  const host: AnchorHost = {
    reader: store,
    objects: store.objects,
    signed: () => signed,
    checkpoint: sign,
    async record(type, metadata) {
      const path = `anchors/${driver.name}/${String(metadata.receipt)}`;
      recorded.push({ type, metadata, stored: (await store.objects.get(path)) !== undefined });
      size++;
      return size - 1;
    },
    lastReceipt: async (name) => {
      const [newest] = await listReceipts(store.objects, name);
      return newest === undefined ? undefined : { size: newest.size, at: now };
    },
    anchors: () => Promise.resolve([{ driver, everyMs, key: driver.name }]),
    now: () => now,
    onWarning: (line) => warnings.push(line),
  };
  const runner = createAnchorRunner(host);
  return {
    runner,
    recorded,
    warnings,
    objects: store.objects,
    async grow(entries) {
      size += entries;
      await sign();
    },
    pass(ms) {
      now += ms;
    },
    turn: () => runner.turn(),
  };
}

const plain = (anchor: AnchorDriver['anchor']): AnchorDriver => ({ name: 'a', type: 'file', anchor });
const down = () => new TallyError('ANCHOR_FAILED', 'it is down', { hint: 'wait' });

test('a receipt is on disk before the entry that names its hash', async () => {
  const driver = plain(async ({ size }) => ({
    suffix: 'txt',
    bytes: Buffer.from(`seen ${size}`),
    time: '2027-01-15T08:00:00Z',
  }));
  const { runner, recorded, objects, grow } = stage(driver);
  await grow(5);
  const [run] = await runner.run(undefined, 1_000);
  assert.equal(run?.outcome, 'ok');
  const [entry] = recorded;
  assert.ok(entry?.stored);
  const receipt = await readReceipt(objects, { name: 'a', size: 5, suffix: 'txt' });
  assert.ok(receipt !== undefined);
  assert.equal(entry.metadata.receipt_sha256, sha256Hex(receipt.bytes));
  assert.equal(entry.metadata.checkpoint_sha256, sha256Hex(receipt.note));
  assert.deepEqual([entry.metadata.size, entry.metadata.time], [5, '2027-01-15T08:00:00Z']);
});

test('its own entries are nothing new: a quiet log is anchored once and then left alone', async () => {
  let shown = 0;
  const { runner, grow, pass, turn } = stage(
    plain(async () => ({ suffix: 'txt', bytes: Buffer.from(String(++shown)) })),
  );
  await grow(5);
  for (let i = 0; i < 5; i++) {
    await turn();
    pass(61_000);
    await grow(0);
  }
  assert.equal(shown, 1);
  assert.equal(runner.states()[0]?.behind, 0);
  await grow(1);
  assert.equal(runner.states()[0]?.behind, 1);
  await turn();
  assert.equal(shown, 2);
  // New again, but not yet due.
  await grow(1);
  await turn();
  assert.equal(shown, 2);
  await runner.close();
});

test('a failure is recorded once a reason, tried again ever later, and forgotten after a success', async () => {
  let error: TallyError | undefined = down();
  let tries = 0;
  const { runner, recorded, warnings, grow, pass, turn } = stage(
    plain(async () => {
      tries++;
      if (error !== undefined) throw error;
      return { suffix: 'txt', bytes: Buffer.from('x') };
    }),
  );
  await grow(5);
  const waits: number[] = [];
  for (let second = 0, last = 0; second < 400; second++) {
    const before = tries;
    await turn();
    if (tries > before) {
      waits.push(second - last);
      last = second;
    }
    pass(1_000);
  }
  assert.deepEqual(waits, [0, 15, 30, 60, 120]);
  assert.deepEqual(
    recorded.map(({ type }) => type),
    ['anchor.fail'],
  );
  assert.match(String(recorded[0]?.metadata.reason), /it is down/);
  assert.equal(warnings.length, 1);
  assert.equal(runner.states()[0]?.failing?.attempts, 5);

  error = new TallyError('ANCHOR_FAILED', 'it refuses', { hint: 'ask' });
  await runner.run('a', 1_000);
  assert.equal(recorded.length, 2);
  error = undefined;
  const [run] = await runner.run('a', 1_000);
  assert.equal(run?.outcome, 'ok');
  assert.equal(runner.states()[0]?.failing, undefined);
});

test('numbers that change from try to try are no new reason', async () => {
  let n = 0;
  const { runner, recorded, grow } = stage(
    plain(() =>
      Promise.reject(new TallyError('ANCHOR_FAILED', `try ${++n} at ${n * 7} ms`, { hint: 'wait' })),
    ),
  );
  await grow(5);
  for (let i = 0; i < 5; i++) await runner.run(undefined, 1_000);
  assert.equal(recorded.length, 1);
});

test('a conflict is told loudly', async () => {
  const { runner, recorded, warnings, grow } = stage(
    plain(() =>
      Promise.reject(new TallyError('ANCHOR_CONFLICT', 'it holds 9 entries', { hint: 'run `tally verify`' })),
    ),
  );
  await grow(5);
  const [run] = await runner.run(undefined, 1_000);
  assert.equal(run?.failing?.code, 'ANCHOR_CONFLICT');
  assert.match(warnings[0] ?? '', /ANCHOR CONFLICT.*it holds 9 entries.*tally verify/);
  assert.equal(recorded[0]?.metadata.code, 'ANCHOR_CONFLICT');
});

test('an anchor that never answers holds up neither an answer nor the end', async () => {
  const { runner, recorded, grow } = stage(
    plain(
      (_subject, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(down()))),
    ),
  );
  await grow(5);
  const [run] = await runner.run(undefined, 20);
  assert.equal(run?.outcome, 'running');
  await runner.close();
  assert.deepEqual(recorded, []);
});

test('a driver with a bug is a failing anchor, and nothing else', async () => {
  const { runner, recorded, grow } = stage(
    plain(() => Promise.reject(new TypeError('undefined is not a function'))),
  );
  await grow(5);
  const [run] = await runner.run(undefined, 1_000);
  assert.equal(run?.outcome, 'failed');
  assert.match(String(recorded[0]?.metadata.reason), /not a function/);
});

test('no receipt is overwritten, and a log without news since is not shown at all', async () => {
  let shown = 0;
  const { runner, objects, grow } = stage(
    plain(async () => ({ suffix: 'txt', bytes: Buffer.from(String(++shown)) })),
  );
  assert.equal((await runner.run(undefined, 1_000))[0]?.outcome, 'current');
  await grow(5);
  await runner.run(undefined, 1_000);
  await runner.run(undefined, 1_000);
  assert.deepEqual(
    (await listReceipts(objects)).map(({ size, suffix }) => [size, suffix]),
    [
      [6, 'txt'],
      [5, 'txt'],
    ],
  );
  assert.equal(Buffer.from((await objects.get('anchors/a/5.txt')) ?? []).toString(), '1');
});

test('notes of key rotations are shown before the newest checkpoint, oldest first and once', async () => {
  const sizes: number[] = [];
  const { runner, objects, grow } = stage(
    plain(async ({ size }) => {
      sizes.push(size);
      return { suffix: 'txt', bytes: Buffer.from(String(size)) };
    }),
  );
  const log = makeLog();
  for (const size of [5, 3]) await objects.put(rotationName(size), (await log.subject(size)).note);
  await grow(9);
  await runner.run(undefined, 1_000);
  await grow(9);
  await runner.run(undefined, 1_000);
  assert.deepEqual(sizes, [3, 5, 9, 21]);
});

test('an anchor that holds more than a rotation note is no conflict when the newest checkpoint continues it', async () => {
  const shown: number[] = [];
  let held = 7;
  const { runner, recorded, warnings, objects, grow } = stage(
    plain(async ({ size }) => {
      shown.push(size);
      if (size < held)
        throw new TallyError('ANCHOR_CONFLICT', `it holds ${held} entries`, { hint: 'run `tally verify`' });
      held = size;
      return { suffix: 'txt', bytes: Buffer.from(String(size)) };
    }),
  );
  const log = makeLog();
  for (const size of [3, 5, 8]) await objects.put(rotationName(size), (await log.subject(size)).note);
  await grow(9);
  const [run] = await runner.run(undefined, 1_000);
  assert.equal(run?.outcome, 'ok', JSON.stringify(run));
  assert.deepEqual([shown, warnings], [[3, 5, 8, 9], []]);
  assert.deepEqual(
    recorded.map(({ type, metadata }) => [type, metadata.size]),
    [
      ['anchor.ok', 8],
      ['anchor.ok', 9],
    ],
  );

  // It holds more than this log has: that it was rolled back is said as ever.
  held = 100;
  await grow(3);
  const [refused] = await runner.run(undefined, 1_000);
  assert.equal(refused?.failing?.code, 'ANCHOR_CONFLICT');
});
