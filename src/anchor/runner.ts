/**
 * Shows the outside what the log has signed, in the background: nothing waits for it, and nothing that it does or fails
 * to do stops recording. The receipt is durable before the entry that names its hash.
 */
import type { AnchorRun, AnchorState } from '../core/anchor-state.ts';
import { isTallyError, type TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock, LogReader, ObjectStore } from '../core/ports.ts';
import { readRotations } from '../core/tlog/rotation-notes.ts';
import {
  type ConfiguredAnchor,
  failed,
  failMetadata,
  isDue,
  type Lane,
  type LaneEnd,
  okMetadata,
  stateOf,
} from './lane.ts';
import { storeReceipt } from './receipts.ts';
import { subjectOf } from './subject.ts';

export interface AnchorHost {
  readonly reader: LogReader;
  /** Of the log's directory. */
  readonly objects: ObjectStore;
  /** Entries under the newest durable checkpoint. */
  signed(): number;
  /** Signs everything durable so far. */
  checkpoint(): Promise<number>;
  /** Appends an entry about an anchor; resolves with its index. */
  record(
    type: 'anchor.ok' | 'anchor.fail',
    metadata: Readonly<Record<string, string | number>>,
  ): Promise<number>;
  /** The newest receipt on disk, and when it was stored. */
  lastReceipt(name: string): Promise<{ readonly size: number; readonly at: number } | undefined>;
  /** What is configured now, asked at every turn. Throws BAD_CONFIG: then what was configured stays. */
  anchors(): Promise<readonly ConfiguredAnchor[]>;
  readonly now: Clock;
  /** Said to the person who runs the recorder. */
  onWarning(line: string): void;
}

export interface AnchorRunner {
  /** Looks at every anchor once a second from now on. */
  start(): void;
  /** One such look. Resolves when all that was due came to an end. */
  turn(): Promise<void>;
  /** Signs, and shows the newest checkpoint to all or one, whether it is due or not. Waits for `waitMs` at most. */
  run(name: string | undefined, waitMs: number): Promise<readonly AnchorRun[]>;
  states(): readonly AnchorState[];
  /** What is under way is aborted, and waited for a little: it may be slow to notice. */
  close(): Promise<void>;
}

export function createAnchorRunner(host: AnchorHost): AnchorRunner {
  const lanes = new Map<string, Lane>();
  /** Indices of our own entries: a checkpoint that only covers those is nothing new, or they would go on for ever. */
  let own: readonly number[] = [];
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let configured: readonly ConfiguredAnchor[] = [];
  let broken: string | undefined;

  function behind(lane: Lane): number {
    const from = lane.last?.size ?? 0;
    const to = host.signed();
    return Math.max(0, to - from - own.filter((index) => index >= from && index < to).length);
  }

  async function readConfiguration(): Promise<void> {
    try {
      configured = await host.anchors();
      broken = undefined;
    } catch (error) {
      if (!isTallyError(error)) throw error;
      if (error.message !== broken)
        host.onWarning(`the anchors stay as they were, the configuration cannot be read: ${error.message}`);
      broken = error.message;
    }
  }

  /** The lanes of what is configured now. One whose settings changed begins anew; receipts stay where they are. */
  async function current(): Promise<readonly Lane[]> {
    await readConfiguration();
    const wanted = new Map(configured.map((anchor) => [anchor.driver.name, anchor]));
    for (const [name, lane] of lanes) if (wanted.get(name)?.key !== lane.anchor.key) lanes.delete(name);
    for (const [name, anchor] of wanted) {
      if (lanes.has(name)) continue;
      const last = await host.lastReceipt(name);
      if (!lanes.has(name)) lanes.set(name, { anchor, last, failing: undefined, running: undefined });
    }
    return [...lanes.values()];
  }

  async function record(...entry: Parameters<AnchorHost['record']>): Promise<void> {
    const index = await host.record(...entry);
    const oldest = Math.min(index, ...[...lanes.values()].map(({ last }) => last?.size ?? 0));
    own = [...own.filter((one) => one >= oldest), index].slice(-LIMITS.rememberedAnchorEntries);
  }

  async function show(lane: Lane, note: Uint8Array, signal: AbortSignal): Promise<LaneEnd> {
    const { driver } = lane.anchor;
    const subject = subjectOf(host.reader, note);
    const receipt = await driver.anchor(subject, signal);
    await storeReceipt(host.objects, { ...receipt, name: driver.name, size: subject.size, note });
    lane.last = { size: subject.size, at: host.now() };
    lane.failing = undefined;
    await record('anchor.ok', okMetadata(driver, subject, receipt));
    return { outcome: 'ok', ...(receipt.time === undefined ? {} : { time: receipt.time }) };
  }

  /**
   * Notes of key rotations first: they are what a later thief of the new key cannot make. Where our receipts were lost, or
   * the anchor got another name, it may hold more than a note already and refuse that: whether this log continues what it
   * holds is then told by the newest checkpoint.
   */
  async function showAll(lane: Lane, signal: AbortSignal): Promise<LaneEnd> {
    const newest = await host.reader.objects.get('checkpoint');
    if (newest === undefined) return { outcome: 'current' };
    const { size } = subjectOf(host.reader, newest);
    for (const rotation of await readRotations(host.reader.objects)) {
      if (rotation.size > (lane.last?.size ?? -1) && rotation.size < size) {
        try {
          await show(lane, rotation.note, signal);
        } catch (error) {
          if (!isTallyError(error) || error.code !== 'ANCHOR_CONFLICT') throw error;
          // It may hold less than the note of a later rotation.
        }
      }
    }
    return size > (lane.last?.size ?? 0) ? show(lane, newest, signal) : { outcome: 'current' };
  }

  async function attempt(lane: Lane): Promise<LaneEnd> {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(LIMITS.anchorAttemptMs)]);
    try {
      return await showAll(lane, signal);
    } catch (thrown) {
      // Cut off by the end of the recorder: no failure of the anchor, and nothing can be recorded any more.
      if (stop.signal.aborted) return { outcome: 'failed' };
      const { error, isNew } = failed(lane, thrown, host.now());
      if (isNew) await tell(lane, error);
      return { outcome: 'failed' };
    }
  }

  async function tell(lane: Lane, error: TallyError): Promise<void> {
    const { driver } = lane.anchor;
    if (error.code === 'ANCHOR_CONFLICT')
      host.onWarning(`ANCHOR CONFLICT, ${driver.name}: ${error.message}. ${error.hint ?? ''}`);
    else host.onWarning(`the anchor ${driver.name} fails: ${error.message}`);
    await record('anchor.fail', failMetadata(driver, host.signed(), error));
  }

  function begin(lane: Lane): Promise<LaneEnd> {
    lane.running ??= attempt(lane)
      .catch((error: unknown): LaneEnd => {
        // The entry could not be written: the recorder says itself why it stopped.
        if (!stop.signal.aborted)
          host.onWarning(
            `nothing about the anchor ${lane.anchor.driver.name} can be recorded: ${error instanceof Error ? error.message : String(error)}`,
          );
        return { outcome: 'failed' };
      })
      .finally(() => {
        lane.running = undefined;
      });
    return lane.running;
  }

  async function turn(): Promise<void> {
    const due = (await current()).filter((lane) => isDue(lane, host.now(), behind(lane)));
    await Promise.all(due.map(begin));
  }

  function schedule(): void {
    timer = setTimeout(() => {
      // Not waited for: one anchor that is slow must not keep the others from being looked at.
      turn().catch((error: unknown) =>
        host.onWarning(`anchors: ${error instanceof Error ? error.message : String(error)}`),
      );
      if (!stop.signal.aborted) schedule();
    }, LIMITS.anchorTurnMs);
    timer.unref();
  }

  return {
    start: schedule,
    turn,
    async run(name, waitMs) {
      const chosen = (await current()).filter(
        ({ anchor }) => name === undefined || anchor.driver.name === name,
      );
      await host.checkpoint();
      let late: NodeJS.Timeout | undefined;
      const waited = new Promise<'running'>((resolve) => {
        late = setTimeout(resolve, waitMs, 'running');
      });
      const ends = await Promise.all(chosen.map((lane) => Promise.race([begin(lane), waited])));
      clearTimeout(late);
      return chosen.map((lane, i) => {
        const end = ends[i];
        const state = stateOf(lane, behind(lane));
        return end === undefined || end === 'running'
          ? { ...state, outcome: 'running' }
          : { ...state, ...end };
      });
    },
    states: () => [...lanes.values()].map((lane) => stateOf(lane, behind(lane))),
    async close() {
      stop.abort();
      clearTimeout(timer);
      const running = [...lanes.values()].flatMap((lane) => lane.running ?? []);
      let late: NodeJS.Timeout | undefined;
      const waited = new Promise<void>((resolve) => {
        late = setTimeout(resolve, LIMITS.anchorCloseMs);
      });
      await Promise.race([Promise.all(running), waited]);
      clearTimeout(late);
    },
  };
}
