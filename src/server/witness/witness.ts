/**
 * Our witness, without its HTTP: what a request is answered. For one origin, checking and remembering are one step, in
 * the order of arrival; the process holds the lock of the directory, so no other one comes between.
 */
import { encodeUtf8, equalBytes } from '../../core/bytes.ts';
import { isTallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock, ObjectStore } from '../../core/ports.ts';
import { encodeCheckpoint, type VerifiedCheckpoint } from '../../core/tlog/checkpoint.ts';
import { type Cosigner, cosignatureVerifier } from '../../core/tlog/cosignature.ts';
import { verifierFromVkey } from '../../core/tlog/key.ts';
import {
  encodeCosignatures,
  encodeSize,
  judgeSubmission,
  parseAddCheckpoint,
  SIZE_TYPE,
  type Submission,
} from '../../core/tlog/witness-protocol.ts';
import { createTurns } from '../../recorder/turns.ts';
import { type TrustedLog, trustedLog, trustedLogs } from './logs.ts';
import { forkedFile, forkFile, headFile, headNote, type Remembered, readState, writeState } from './state.ts';

export interface WitnessReply {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
}

/** For the operator. */
export type WitnessEvent =
  /** The log signed two trees of one size, which proves that it forked. The second one is kept, if it is the first such. */
  | { readonly kind: 'fork'; readonly origin: string; readonly size: number; readonly file: string }
  /** The state of a log is damaged, or cannot be written. */
  | { readonly kind: 'failure'; readonly origin: string; readonly error: unknown };

export interface WitnessOptions {
  /** Its directory; the caller holds the lock. */
  readonly files: ObjectStore;
  readonly cosigner: Cosigner;
  readonly now: Clock;
  readonly onEvent: (event: WitnessEvent) => void;
}

export interface Witness {
  /** One request to add-checkpoint. Never rejects. */
  add(body: Uint8Array): Promise<WitnessReply>;
  /** What the witness is, for people. */
  page(): Promise<WitnessReply>;
}

const TEXT = 'text/plain; charset=utf-8';

function say(status: number, text: string): WitnessReply {
  return { status, type: TEXT, body: encodeUtf8(`${text}\n`) };
}

/** The log itself signed another tree of the size that was cosigned last. */
function isFork({ claimed }: Submission, latest: Remembered): boolean {
  return claimed.size === latest.size && !equalBytes(claimed.root, latest.root);
}

export function createWitness({ files, cosigner, now, onEvent }: WitnessOptions): Witness {
  const own = cosignatureVerifier(cosigner.vkey);
  /** By origin, of trusted logs only: strangers must not fill the memory. */
  const logs = new Map<
    string,
    { latest?: Remembered; waiting: number; turn: ReturnType<typeof createTurns> }
  >();

  function slot(origin: string) {
    const known = logs.get(origin) ?? { waiting: 0, turn: createTurns() };
    logs.set(origin, known);
    return known;
  }

  /**
   * What was cosigned last. At the first use since the start, and after a write that failed, it comes from the disk and
   * is written again: what can be read there need not be durable yet.
   */
  async function latestOf(origin: string, held: { latest?: Remembered }): Promise<Remembered> {
    if (held.latest !== undefined) return held.latest;
    const { note, ...latest } = await readState(files, origin, own);
    if (note !== undefined) await writeState(files, { origin, ...latest, note });
    held.latest = latest;
    return latest;
  }

  async function remember(
    checkpoint: VerifiedCheckpoint,
    held: { latest?: Remembered },
  ): Promise<WitnessReply> {
    const { origin, size, root } = checkpoint;
    const line = cosigner.cosign(encodeUtf8(encodeCheckpoint(checkpoint)), Math.floor(now() / 1000));
    if (held.latest === undefined || size > held.latest.size) {
      delete held.latest;
      await writeState(files, { origin, size, root, note: headNote(checkpoint, line) });
      held.latest = { size, root };
    }
    return { status: 200, type: TEXT, body: encodeCosignatures([line]) };
  }

  async function judge(submission: Submission, log: TrustedLog): Promise<WitnessReply> {
    const { origin } = log;
    const held = slot(origin);
    const latest = await latestOf(origin, held);
    const answer = judgeSubmission(submission, log.vkeys.map(verifierFromVkey), latest);
    switch (answer.status) {
      case 200:
        return remember(answer.checkpoint, held);
      case 409:
        return { status: 409, type: SIZE_TYPE, body: encodeSize(answer.size) };
      case 422:
        // A proof that does not hold shows nothing: anyone can send a wrong one with the log's own checkpoint.
        if (isFork(submission, latest)) await keepFork(submission);
        return say(422, answer.reason);
      default:
        return say(answer.status, answer.reason);
    }
  }

  async function keepFork({ claimed: { origin, size }, note }: Submission): Promise<void> {
    const file = forkFile(origin);
    // One is proof enough, and more would fill the disk.
    if ((await files.get(file)) === undefined) {
      // The head moves on with the log; of another size it would show nothing beside this note.
      const head = await files.get(headFile(origin));
      if (head !== undefined) await files.put(forkedFile(origin), head);
      await files.put(file, note);
    }
    onEvent({ kind: 'fork', origin, size, file });
  }

  async function describe(): Promise<WitnessReply> {
    const lines = [
      'A witness: it cosigns the checkpoints of these logs, each when it continues the one before.',
      'Protocol: c2sp.org/tlog-witness',
      '',
      `vkey  ${cosigner.vkey}`,
      '',
    ];
    for (const { origin } of await trustedLogs(files)) {
      lines.push(`log   ${origin}  ${await sizeSaid(origin)}`);
    }
    return say(200, lines.join('\n'));
  }

  /** Of all who ask meanwhile: with many logs it costs many files and signatures, and a stranger may ask at any rate. */
  let describing: Promise<WitnessReply> | undefined;

  return {
    async add(body) {
      const submission = parseAddCheckpoint(body);
      if ('malformed' in submission)
        return say(400, `this is no request to a witness: ${submission.malformed}`);
      const { origin } = submission.claimed;
      try {
        const log = await trustedLog(files, origin);
        if (log === undefined) return say(404, 'this witness does not know that log');
        const held = slot(origin);
        if (held.waiting >= LIMITS.witnessWaiting) return say(503, 'too many requests wait for this log');
        held.waiting++;
        try {
          return await held.turn(() => judge(submission, log));
        } finally {
          held.waiting--;
        }
      } catch (error) {
        onEvent({ kind: 'failure', origin, error });
        const why =
          isTallyError(error) && error.code === 'WITNESS_DAMAGED'
            ? 'its state of that log is damaged'
            : 'it failed';
        return say(500, `this witness cannot cosign that log: ${why}; its operator was told`);
      }
    },

    page() {
      describing ??= describe().finally(() => {
        describing = undefined;
      });
      return describing;
    },
  };

  async function sizeSaid(origin: string): Promise<string> {
    try {
      const { size } = logs.get(origin)?.latest ?? (await readState(files, origin, own));
      return `size ${size}`;
    } catch (error) {
      if (isTallyError(error)) return 'not cosigned: its state is damaged';
      throw error;
    }
  }
}
