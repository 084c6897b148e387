/** The forwarder of this machine's log: where it goes, how far it is, and the thread that reads. Beside the recorder. */
import { existsSync, readdirSync } from 'node:fs';
import type { Vault } from '../../capture/secrets/vault.ts';
import type { ForwardState } from '../../core/otlp/state.ts';
import { currentEpoch, logName } from '../../home.ts';
import type { Paths } from '../../paths.ts';
import { openReader } from '../../reader.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import { createForwarder } from '../../sink/otlp/forward.ts';
import { loadPosition, type Position, savePosition } from '../../sink/otlp/position.ts';
import { sendLogs } from '../../sink/otlp/send.ts';
import type { OtlpOptions } from '../options.ts';
import { positionObjects, positionsDirectory } from './place.ts';
import { encodeThread } from './thread.ts';

const PRODUCER = { surface: 'server', assurance: 'enforced' } as const;

export interface OpenedForward {
  state(): ForwardState | undefined;
  close(): Promise<void>;
}

export async function openForward(options: {
  readonly paths: Paths;
  readonly otlp: OtlpOptions;
  readonly recorder: LocalRecorder;
  readonly vault: Pick<Vault, 'get'>;
  readonly onWarning: (line: string) => void;
}): Promise<OpenedForward> {
  const { paths, recorder, vault, onWarning } = options;
  const { directory } = openReader(paths);
  const objects = positionObjects(paths);
  const thread = encodeThread({ directory });
  let durable = 0;
  const feed = recorder.onDurable(({ first, count }) => {
    durable = first + count;
  });
  durable = feed.from;
  // A log that goes on with another one is sent from its beginning: the one before was sent up to its end. So is one of
  // which nobody knows any more how far it was sent: what comes twice is told by its id, what never comes is lost.
  let whole = wentOnBefore(paths);

  async function stored(): Promise<Position | undefined> {
    const found = await loadPosition(objects);
    if (found === undefined) return undefined;
    if (found !== 'unreadable' && found.place.index <= recorder.size())
      if (found.last === undefined || (await thread.is(found.last))) return found;
    onWarning(
      'how far the collector has the entries of this log is not known any more; all of them are sent again',
    );
    whole = true;
    return undefined;
  }

  const forwarder = createForwarder(
    {
      setting: options.otlp.forward,
      durable: () => durable,
      begin: (from) =>
        from === 'beginning' || whole
          ? Promise.resolve({ first: 0, offset: 0, index: 0 })
          : thread.place(durable),
      next: (place, upTo) => thread.next({ origin: recorder.origin, vkey: recorder.vkey() }, place, upTo),
      send: (setting, body, signal) =>
        sendLogs(setting, body, { read: (name) => vault.get(name)?.value, now: Date.now, signal }),
      save: (position) => savePosition(objects, position),
      async tell(type, metadata) {
        const status = type === 'sink.ok' ? 'ok' : 'error';
        await recorder.record({ type, phase: 'point', outcome: { status }, metadata }, PRODUCER);
      },
      now: Date.now,
      random: Math.random,
      onWarning,
    },
    await stored(),
  );
  forwarder.start();
  return {
    state: forwarder.state,
    async close() {
      await forwarder.close();
      await thread.close();
      feed.end();
    },
  };
}

function wentOnBefore(paths: Paths): boolean {
  const directory = positionsDirectory(paths);
  const own = logName(currentEpoch(paths));
  return existsSync(directory) && readdirSync(directory).some((name) => name !== own);
}
