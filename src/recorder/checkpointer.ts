/**
 * Turns durable entries into a signed tree, behind the acknowledgement's back: leaves join the tree, full tiles are
 * stored, then the checkpoint is signed and replaced, then the head is remembered outside the log.
 *
 * The order is what a crash relies on: the entries are durable before anything covers them, and a remembered head is
 * never ahead of the log.
 */
import { invariant, TallyError } from '../core/error.ts';
import { HASH_BYTES } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogStore } from '../core/ports.ts';
import { signCheckpoint } from '../core/tlog/checkpoint.ts';
import type { Signer } from '../core/tlog/key.ts';
import { TILE_WIDTH, tilePath } from '../core/tlog/tile.ts';
import type { FullTile, Tree } from '../core/tlog/tiling.ts';

export interface Checkpointer {
  /** Adds leaf hashes (32 bytes each) of durable entries of one segment, in order. The bytes are copied at once. */
  integrate(leaves: Uint8Array, segment: number): void;
  /** Signs everything integrated before the call. Resolves when the checkpoint and the head are durable. */
  checkpoint(): Promise<number>;
  /**
   * Runs `task` alone: after whatever is being signed now, and nothing is signed until it ends. What it rejects with is
   * the caller's.
   */
  hold<T>(task: (held: Held) => Promise<T>): Promise<T>;
  /** Entries under the newest durable checkpoint. */
  signed(): number;
  /** Stops the timer; whatever runs is finished. */
  stop(): Promise<void>;
}

export interface Held {
  /** To be asked before entry `size - 1` is integrated; the answer is there afterwards. */
  rootAt(size: number): () => Uint8Array;
  /** Makes `note` the checkpoint and the head. From then on `signer` alone signs. */
  replace(note: Uint8Array, size: number, signer: Signer): Promise<void>;
}

export function createCheckpointer(options: {
  readonly origin: string;
  readonly signer: Signer;
  readonly store: Pick<LogStore, 'objects'>;
  readonly tree: Tree;
  /** Full tiles that may not be durable, and those among them that are not stored at all. */
  readonly tiles: readonly FullTile[];
  readonly unsaved: readonly FullTile[];
  /** First index of the segment that recovery read from; tiles below it are durable. */
  readonly base: number;
  /** First index of the segment that holds the last entry of `tree`. */
  readonly segment: number;
  readonly signed: number;
  /** Quiet time before it signs; LIMITS.checkpointIdleMs when absent. */
  readonly idleMs?: number;
  /** Where the newest head of this log is remembered, outside of it. */
  readonly rememberHead: (checkpoint: Uint8Array) => Promise<void>;
  /** The checkpoint of this size is durable, and so are the tiles of all segments before its last entry's. */
  readonly onSigned?: (size: number) => void;
  readonly onFailure: (error: TallyError) => void;
  /**
   * The writer has failed: nothing is signed any more. The old key must not sign what a rotation that failed half-way has
   * promised to the new one: the next start could not tell it from an intruder's.
   */
  readonly dead: () => boolean;
}): Checkpointer {
  const { tree, store } = options;
  let signed = options.signed;
  let signer = options.signer;
  let awaited: { readonly size: number; root?: Uint8Array } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  let unsaved: readonly FullTile[] = options.unsaved;
  let volatile: readonly FullTile[] = options.tiles;
  let durableBelow = options.base;
  let segment = options.segment;

  /**
   * Tiles of the open segment are stored without waiting for the disk: whatever a crash takes is made again from the
   * entries, which the signed root vouches for. Recovery reads from the segment of the last signed entry on and relies
   * on the tiles of those before it: so they are made durable together before a checkpoint covers an entry of the next.
   */
  async function storeTiles(): Promise<void> {
    const fresh = tree.takeTiles();
    const holdsLast = segment;
    await store.objects.putMany([...unsaved, ...fresh].map(asObject), { durable: false });
    unsaved = [];
    volatile = [...volatile, ...fresh];
    if (holdsLast <= durableBelow) return;
    await store.objects.putMany(volatile.map(asObject));
    volatile = [];
    durableBelow = holdsLast;
  }

  async function sign(): Promise<void> {
    const size = tree.size;
    if (size === signed || options.dead()) return;
    const note = signCheckpoint({ origin: options.origin, size, root: tree.root() }, [signer]);
    await publish(note, size);
  }

  async function publish(note: Uint8Array, size: number): Promise<void> {
    await storeTiles();
    await store.objects.put('checkpoint', note);
    await options.rememberHead(note);
    signed = size;
    options.onSigned?.(size);
  }

  const held: Held = {
    rootAt(size) {
      invariant(size > tree.size, 'a root is awaited before its last entry comes');
      const root: { readonly size: number; root?: Uint8Array } = { size };
      awaited = root;
      return () => {
        invariant(root.root !== undefined, 'the entry is integrated');
        return root.root;
      };
    },
    async replace(note, size, by) {
      await publish(note, size);
      signer = by;
    },
  };

  function add(leaf: Uint8Array): void {
    tree.append(leaf);
    if (awaited !== undefined && tree.size === awaited.size) awaited.root = tree.root();
  }

  /** One at a time; a failure ends the writer, because what is durable is then unknown. */
  function run(): Promise<void> {
    running = running.then(sign).catch((error: unknown) => {
      options.onFailure(asFailure(error));
    });
    return running;
  }

  /** Soon after the last entry of a burst, and never later than the bound while entries keep coming. */
  function schedule(): void {
    if (timer !== undefined || stopped || tree.size === signed || options.dead()) return;
    const dueAt = performance.now() + LIMITS.checkpointMs;
    const wait = (seen: number): void => {
      timer = setTimeout(() => {
        if (tree.size !== seen && performance.now() < dueAt) return wait(tree.size);
        timer = undefined;
        void run().then(schedule);
      }, options.idleMs ?? LIMITS.checkpointIdleMs);
      timer.unref();
    };
    wait(tree.size);
  }

  return {
    integrate(leaves, of) {
      segment = of;
      for (let at = 0; at < leaves.length; at += HASH_BYTES) add(leaves.subarray(at, at + HASH_BYTES));
      schedule();
    },
    async checkpoint() {
      await run();
      return signed;
    },
    hold(task) {
      const result = running.then(() => task(held));
      running = result.then(
        () => schedule(),
        () => undefined,
      );
      return result;
    },
    signed: () => signed,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
  };
}

function asObject({ level, index, bytes }: FullTile): readonly [string, Uint8Array] {
  return [tilePath({ level, index, width: TILE_WIDTH }), bytes];
}

function asFailure(error: unknown): TallyError {
  if (error instanceof TallyError) return error;
  return new TallyError(
    'LOG_WRITE_FAILED',
    `cannot sign the log: ${error instanceof Error ? error.message : String(error)}`,
    {
      hint: 'start the recorder again: it replays from what is on disk',
      cause: error,
    },
  );
}
