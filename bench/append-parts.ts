/**
 * Where the time of an entry goes: the full path as it is, with nothing written, and single parts of it alone, on the
 * same event. All on one thread; a batch shares its write and its flush.
 */
import { randomBytes } from 'node:crypto';
import type { Entry } from '../src/core/entry.ts';
import { createFingerprint } from '../src/core/fingerprint.ts';
import { sha256Hex } from '../src/core/hash.ts';
import type { LogStore } from '../src/core/ports.ts';
import { createRedactor } from '../src/core/redact/redact.ts';
import { inTurn, median, table } from './stats.ts';
import { openBenchRecorder, ordinaryEvent, scratch } from './support.ts';

const ROUNDS = 5;
const CALLS = 100_000;

/** A store that takes everything, and from `off` on writes no entry and no tile. */
function switchable(): { wrap(store: LogStore): LogStore; off(): void } {
  let written = true;
  return {
    off: () => {
      written = false;
    },
    wrap: (store) => ({
      ...store,
      append: async (bytes) => (written ? store.append(bytes) : undefined),
      objects: {
        ...store.objects,
        put: async (name, bytes, options) => (written ? store.objects.put(name, bytes, options) : undefined),
        putMany: async (objects, options) => (written ? store.objects.putMany(objects, options) : undefined),
      },
    }),
  };
}

/** µs an entry, of `appenders` that each wait for their acknowledgement. */
async function recorded(appenders: number, onDisk: boolean): Promise<number> {
  const { directory, remove } = await scratch();
  const { wrap, off } = switchable();
  const recorder = await openBenchRecorder(directory, undefined, wrap);
  if (!onDisk) off();
  const event = ordinaryEvent();
  let left = CALLS;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: appenders }, async () => {
      while (left-- > 0) await recorder.record(event, { surface: 'sdk', assurance: 'observed' });
    }),
  );
  const took = performance.now() - started;
  await recorder.close('bench');
  await remove();
  return (took * 1000) / CALLS;
}

async function alone(part: () => unknown): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < CALLS; i++) part();
  return ((performance.now() - started) * 1000) / CALLS;
}

/** The table of the parts, with `line` as the entry that is stored. */
export async function parts(appenders: number, line: Uint8Array): Promise<string> {
  const redactor = createRedactor();
  const fingerprint = createFingerprint({ masterKey: randomBytes(32) });
  const { action } = ordinaryEvent();
  const entry: Entry = JSON.parse(Buffer.from(line).toString());
  const text = line.subarray(0, -1);
  const { args, args_note, ...rest } = action ?? { name: 'none' };
  const took = await inTurn<number>(
    {
      whole: () => recorded(appenders, true),
      unwritten: () => recorded(appenders, false),
      redact: () => alone(() => redactor.redactEntry(entry)),
      hash: () => alone(() => sha256Hex(text)),
      print: () => alone(() => fingerprint.action('local', rest, args, args_note)),
    },
    ROUNDS,
  );
  const of = (name: string): number => median(took[name] ?? []);
  const rows: readonly (readonly [string, number])[] = [
    [`**the full path, ${appenders} appenders**`, of('whole')],
    ['the disk: the same less what it takes with nothing written', of('whole') - of('unwritten')],
    ['redaction and canonical bytes, alone', of('redact')],
    ['SHA-256 of the entry, alone', of('hash')],
    ['canonical bytes and keyed hash of the arguments, alone', of('print')],
    [
      'the rest: checks, ids, chain, tree, promises',
      of('unwritten') - of('redact') - of('hash') - of('print'),
    ],
  ];
  return table(
    ['part', 'µs an entry'],
    rows.map(([name, us]) => [name, us.toFixed(1)]),
  );
}
