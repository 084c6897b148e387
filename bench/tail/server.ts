/**
 * The server under load: a recorder with its HTTP server, in a process of its own so that its CPU can be told. On request
 * it records entries at an even rate and answers with when each was asked for, and what the time cost.
 */
import { join } from 'node:path';
import { serveTiles } from '../../src/server/tiles-http.ts';
import { fileReader } from '../../src/store/file/reader.ts';
import { fileSlices } from '../../src/store/file/slices.ts';
import { openBenchRecorder, ordinaryEvent } from '../support.ts';

export interface Recorded {
  readonly first: number;
  /** Milliseconds since the epoch, in fractions, before each entry was handed to the recorder. */
  readonly times: readonly number[];
  /** CPU seconds of this process for each second of the run: in its own code, and in the kernel for it. */
  readonly user: number;
  readonly system: number;
  readonly appendP99: number;
}

const [directory = ''] = process.argv.slice(2);
const recorder = await openBenchRecorder(directory);
const log = join(directory, 'logs', 'local');
const server = await serveTiles({
  name: 'local',
  reader: fileReader(log),
  port: 0,
  onError: (error) => console.error(error),
  live: {
    name: 'local',
    origin: recorder.origin,
    signed: recorder.signed,
    onDurable: recorder.onDurable,
    slices: fileSlices(log),
    now: Date.now,
  },
});
const event = ordinaryEvent();
const TURN_MS = 4;

async function record(perSecond: number, seconds: number): Promise<Recorded> {
  const first = recorder.size();
  const times: number[] = [];
  const appends: number[] = [];
  const cpu = process.cpuUsage();
  const began = performance.now();
  const waiting: Promise<void>[] = [];
  while (performance.now() - began < seconds * 1000) {
    const due = Math.floor(((performance.now() - began) / 1000) * perSecond);
    while (times.length < due) {
      const asked = performance.now();
      times.push(performance.timeOrigin + asked);
      waiting.push(
        recorder.record(event, { surface: 'sdk', assurance: 'observed' }).then(() => {
          appends.push(performance.now() - asked);
        }),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
  await Promise.all(waiting);
  const { user, system } = process.cpuUsage(cpu);
  const elapsed = (performance.now() - began) * 1000;
  appends.sort((a, b) => a - b);
  return {
    first,
    times,
    user: user / elapsed,
    system: system / elapsed,
    appendP99: appends[Math.floor(appends.length * 0.99)] ?? Number.NaN,
  };
}

process.on('message', (message: { readonly rate: number; readonly seconds: number }) => {
  void record(message.rate, message.seconds).then((recorded) => process.send?.(recorded));
});
process.on('disconnect', () => process.exit());
process.send?.({ tail: server.tail });
