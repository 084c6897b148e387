/**
 * The witness anchor: asks a C2SP witness (tlog-witness v1.0.0) to cosign each checkpoint. Nothing that the witness says
 * is believed but a cosignature by the configured key over exactly this checkpoint; all else decides only which error is
 * thrown, and what is asked next.
 */
import type { Dispatcher } from 'undici';
import { encodeUtf8 } from '../core/bytes.ts';
import { invariant, TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../core/ports.ts';
import { type CosignatureVerifier, cosignatureVerifier, mergeSignatures } from '../core/tlog/cosignature.ts';
import { type NoteSignature, parseNote } from '../core/tlog/note.ts';
import {
  ADD_CHECKPOINT,
  encodeAddCheckpoint,
  parseCosignatures,
  parseSize,
} from '../core/tlog/witness-protocol.ts';
import { type PostAnswer, postBounded } from '../net/post.ts';
import type { AnchorDriver, AnchorReceipt, AnchorSubject } from './driver.ts';
import { ASKED_AGAIN } from './failure.ts';

export interface WitnessAnchorOptions {
  readonly name: string;
  /** The submission prefix: http or https, without user, query or fragment. */
  readonly url: string;
  /** Of the witness, type 4. */
  readonly vkey: string;
  readonly now: Clock;
  /** Of the log's last stored receipt of this witness, if there is one: saves the question what the witness knows. */
  readonly lastSize?: (origin: string) => Promise<number | undefined>;
  /** Told when the witness knows less of this log than it once cosigned: it lost its state, or was put back from a backup. */
  readonly onForgot?: (line: string) => void;
  /** The key that signs the log now, for whoever has to tell the witness of it. */
  readonly logVkey?: () => Promise<string | undefined>;
  /** Another way to the network than undici's own. */
  readonly dispatcher?: Dispatcher;
  /** For one exchange from connecting to the last byte; there are at most two. */
  readonly timeoutMs?: number;
}

/** Throws `KEY_MALFORMED`, and `BAD_CONFIG` for a URL that cannot be one. */
export function createWitnessAnchor(options: WitnessAnchorOptions): AnchorDriver {
  const { name, now } = options;
  const witness = cosignatureVerifier(options.vkey);
  const endpoint = endpointOf(options.url);
  /** By origin. Set by verified cosignatures only: a lie costs one exchange and is then forgotten. */
  const cosigned = new Map<string, number>();

  async function ask(subject: AnchorSubject, oldSize: number, signal: AbortSignal): Promise<PostAnswer> {
    const proof = await subject.consistencyFrom(oldSize);
    const body = encodeAddCheckpoint({ oldSize, proof, note: subject.note });
    return postBounded({
      failure: ASKED_AGAIN,
      who: `the witness ${witness.name} (${endpoint})`,
      url: endpoint,
      body,
      timeoutMs: options.timeoutMs ?? LIMITS.witnessAnswerMs,
      mostBytes: LIMITS.witnessMessageBytes,
      signal,
      ...(options.dispatcher === undefined ? {} : { dispatcher: options.dispatcher }),
    });
  }

  async function firstGuess({ origin, size }: AnchorSubject): Promise<number> {
    // A receipt of a longer log than this one: the witness itself shall say so.
    return Math.min(cosigned.get(origin) ?? (await options.lastSize?.(origin)) ?? 0, size);
  }

  return {
    name,
    type: 'witness',
    async anchor(subject, signal) {
      let oldSize = await firstGuess(subject);
      let answer = await ask(subject, oldSize, signal);
      if (answer.status === 409) {
        const told = sizeToRetry(witness, subject, oldSize, answer);
        if (told < oldSize)
          options.onForgot?.(
            `the witness ${witness.name} cosigned ${oldSize} entries of ${subject.origin} and now knows ${told}: it forgot, and could cosign a fork`,
          );
        oldSize = told;
        answer = await ask(subject, oldSize, signal);
        if (answer.status === 409) refuseSecond(witness, subject, oldSize, answer);
      }
      if (answer.status !== 200) {
        const untrusted = answer.status === 403 || answer.status === 404;
        const vkey = untrusted ? await options.logVkey?.() : undefined;
        throw refusal(witness, subject, oldSize, answer, vkey);
      }
      const receipt = receiptOf(witness, subject, answer, now());
      cosigned.set(subject.origin, subject.size);
      return receipt;
    },
  };
}

function endpointOf(prefix: string): string {
  const url = URL.parse(prefix);
  const plain =
    url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!plain || !['http:', 'https:'].includes(url.protocol))
    throw new TallyError(
      'BAD_CONFIG',
      'the address of a witness is an http or https URL, and no more than that',
      {
        hint: 'without user, password, query and fragment: https://witness.example/prefix',
      },
    );
  return `${url.href.replace(/\/+$/, '')}/${ADD_CHECKPOINT}`;
}

function failed(witness: CosignatureVerifier, what: string, hint?: string): TallyError {
  return new TallyError(
    'ANCHOR_FAILED',
    `the witness ${witness.name} ${what}`,
    hint === undefined ? {} : { hint },
  );
}

function conflict(
  witness: CosignatureVerifier,
  { origin, size }: AnchorSubject,
  saw: string,
  details: Readonly<Record<string, number>> = {},
): TallyError {
  return new TallyError(
    'ANCHOR_CONFLICT',
    `the witness ${witness.name} says that it cosigned ${saw} of ${origin}, whose checkpoint is of size ${size}: this log was rolled back or forked, or the witness lies`,
    {
      hint: 'run `tally verify`, and compare with what other witnesses and anchors hold, before anything else is recorded',
      details: { size, ...details },
    },
  );
}

function toldSize(witness: CosignatureVerifier, { body }: PostAnswer): number {
  const size = parseSize(body);
  if (size === undefined) throw failed(witness, 'answered 409 without the size that it knows');
  return size;
}

/** After the first 409: the size to start from, for one more try. */
function sizeToRetry(
  witness: CosignatureVerifier,
  subject: AnchorSubject,
  asked: number,
  answer: PostAnswer,
): number {
  const size = toldSize(witness, answer);
  if (size > subject.size) throw conflict(witness, subject, `${size} entries`, { witness_size: size });
  // tlog-witness v1.0.0 answers 409, later drafts 422, for another root at the size that was asked.
  if (size === asked && size === subject.size)
    throw conflict(witness, subject, 'another tree of the same size', { witness_size: size });
  if (size === asked)
    throw failed(witness, `contradicts itself: it refuses to go on from ${size}, and says that it is there`);
  return size;
}

function refuseSecond(
  witness: CosignatureVerifier,
  subject: AnchorSubject,
  asked: number,
  answer: PostAnswer,
): never {
  // Throws by itself for a conflict; what is left is a witness that moved on, or that cannot make up its mind.
  const size = sizeToRetry(witness, subject, asked, answer);
  throw failed(
    witness,
    `said that it knows ${asked} entries, and then ${size}; the next checkpoint tries again`,
  );
}

function refusal(
  witness: CosignatureVerifier,
  subject: AnchorSubject,
  oldSize: number,
  { status }: PostAnswer,
  logVkey: string | undefined,
): TallyError {
  const { origin } = subject;
  if (status === 422 && oldSize > 0)
    return conflict(witness, subject, `another tree of ${oldSize} entries`, { witness_size: oldSize });
  if (status === 404) return failed(witness, `does not know the log ${origin} (404)`, trustHint(logVkey));
  if (status === 403)
    return failed(witness, `does not trust the key that signs ${origin} (403)`, trustHint(logVkey));
  if (status >= 300 && status < 400)
    return failed(
      witness,
      `redirects (${status}), which is not followed`,
      'configure the address that it really has',
    );
  if (status === 400 || status === 422)
    return failed(witness, `refuses the request as malformed (${status})`);
  if (status >= 500)
    return failed(
      witness,
      `answered ${status}`,
      'something is wrong there: ask its operator; it is tried again meanwhile',
    );
  return failed(witness, `answered ${status}`, 'the next checkpoint tries again');
}

/** Nothing here can mend it: the witness is somebody else's, and after a rotation it knows the old key only. */
function trustHint(vkey: string | undefined): string {
  const what =
    vkey === undefined ? 'the key that `tally key list` says signs now' : `the key that signs now: ${vkey}`;
  return `its operator has to trust ${what} (on our own witness: tally witness trust ${vkey ?? 'VKEY'}); so after every rotation`;
}

/** Throws unless a line by the configured key holds for exactly this checkpoint and was made now. */
function receiptOf(
  witness: CosignatureVerifier,
  subject: AnchorSubject,
  { body }: PostAnswer,
  now: number,
): AnchorReceipt {
  const lines = parseCosignatures(body);
  if (lines === undefined) throw failed(witness, 'answered 200 with something that is no list of signatures');
  const own = lines.filter(({ name, keyId }) => name === witness.name && keyId === witness.keyId);
  if (own.length === 0)
    throw failed(
      witness,
      'answered with no signature by the key that is configured for it',
      'compare the key with the one that the witness publishes',
    );
  const text = encodeUtf8(parseNote(subject.note).text);
  let newest: { readonly line: NoteSignature; readonly time: number } | undefined;
  for (const line of own) {
    const time = witness.check(text, line.signature);
    if (time === undefined)
      throw failed(witness, 'answered with a cosignature that does not hold for this checkpoint');
    if (newest === undefined || time > newest.time) newest = { line, time };
  }
  invariant(newest !== undefined, 'at least one line was checked');
  const ahead = newest.time * 1000 - now;
  if (Math.abs(ahead) > LIMITS.witnessSkewMs)
    throw failed(
      witness,
      `gives a time that is ${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'after' : 'before'} ours: one of the two clocks is wrong, or it sent an old cosignature`,
      'check the clock of this machine: `tally doctor`',
    );
  return {
    suffix: 'note',
    bytes: mergeSignatures(subject.note, [newest.line]),
    time: new Date(newest.time * 1000).toISOString(),
  };
}
