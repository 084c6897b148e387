/** Whose checkpoint it is, in a log whose key was rotated: the walk from the trusted key, then the newest signature. */
import { type Checkpoint, openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import type { Verifier } from './key.ts';
import {
  forgottenRotation,
  type KeyHistory,
  type KeySpan,
  keysAt,
  nameOf,
  type RotationNote,
  walkRotations,
} from './key-history.ts';
import { parseNote } from './note.ts';
import type { EntriesResult } from './verify-entries.ts';
import type { KeyVerdict, SignaturesVerdict } from './verify-report.ts';
import { attempt, readSigned, type Signed } from './verify-signed.ts';

export interface KeyGround {
  /** Beside the log. */
  readonly stored: readonly RotationNote[];
  /** Outside of it. */
  readonly remembered: readonly RotationNote[];
  readonly pinned: readonly Verifier[];
  readonly declared: readonly Verifier[];
}

/** The walk over the stored notes, each held against the entries. */
export function historyOf(
  origin: string,
  { stored, remembered }: KeyGround,
  { roots, kept, end }: Pick<EntriesResult, 'roots' | 'kept' | 'end'>,
): KeyHistory {
  const walked = walkRotations(
    origin,
    stored.map(({ size, note }) => {
      const [root, entry] = [roots.get(size), kept.get(size - 1)];
      const reached = end >= size && (root === undefined || entry === undefined);
      const unknown = 'it cannot be judged: entries under it were altered or are missing';
      return { size, note, root, entry, ...(reached ? { unknown } : {}) };
    }),
  );
  const problem = walked.problem ?? forgottenRotation(stored, remembered);
  return problem === undefined ? walked : { spans: walked.spans, problem };
}

/** What the checkpoint says before anybody knows the keys: good for choosing what to look at, and for nothing else. */
export function claimedCheckpoint(bytes: Uint8Array | undefined): Checkpoint | undefined {
  return bytes === undefined ? undefined : attempt(() => parseCheckpoint(parseNote(bytes).text));
}

export function spanVerdicts(spans: readonly KeySpan[]): KeyVerdict[] {
  return spans.map(({ verifier, from, to }) => ({
    vkey: verifier.vkey,
    key: nameOf(verifier),
    from,
    ...(to === undefined ? {} : { to }),
  }));
}

/** "host/log+aaaaaaaa until 40, host/log+bbbbbbbb from 40" */
export function walkText(spans: readonly KeySpan[]): string {
  return spans
    .map(({ verifier, from, to }) => {
      const since = from === 0 ? '' : ` from ${from}`;
      return `${nameOf(verifier)}${since}${to === undefined ? '' : ` until ${to}`}`;
    })
    .join(', ');
}

/**
 * For a log without rotation notes. It has one key: whoever trusts a second one saw it rotated, and what lies here without
 * its notes may be another log by the first, whose private half somebody kept.
 */
export function judgeUnrotated(
  bytes: Uint8Array | undefined,
  origin: string,
  { pinned, declared }: KeyGround,
): Signed {
  const signed = readSigned(bytes, origin, pinned, declared);
  const own = new Set(pinned.flatMap(({ name, vkey }) => (name === origin ? [vkey] : [])));
  if (own.size < 2 || signed.verdict.status !== 'pass') return signed;
  return {
    ...signed,
    verdict: {
      status: 'fail',
      signed_by: signed.verdict.signed_by,
      note: `${own.size} keys are trusted for this log, and no rotation note leads from one to another`,
    },
  };
}

/**
 * For a log with rotation notes, or with remembered ones. The newest checkpoint has to be by the key that was in force at
 * its size; of keys before the first trusted one, none counts.
 */
export function judgeSigned(
  bytes: Uint8Array | undefined,
  origin: string,
  ground: KeyGround,
  history: KeyHistory,
): Signed {
  const { spans, problem } = history;
  const { pinned, declared } = ground;
  const keys = spanVerdicts(spans);
  const claimed = claimedCheckpoint(bytes);
  const all = [...pinned, ...declared, ...spans.map(({ verifier }) => verifier)];
  const authentic = bytes !== undefined && attempt(() => openCheckpoint(bytes, all))?.origin === origin;
  const answer = (verdict: Omit<SignaturesVerdict, 'keys'>): Signed => ({
    ...(claimed === undefined ? {} : { checkpoint: claimed }),
    authentic,
    verdict: { ...verdict, keys },
  });
  const failed = (note: string): Signed => answer({ status: 'fail', signed_by: [], note });

  if (problem !== undefined) return failed(`the key history does not hold: ${problem}`);
  if (bytes === undefined)
    return answer({ status: 'incomplete', signed_by: [], note: 'there is no checkpoint: nothing is signed' });
  if (claimed === undefined) return failed('the checkpoint does not parse');
  if (claimed.origin !== origin)
    return failed(`the checkpoint speaks for ${claimed.origin}, the log is ${origin}`);

  const stranger = pinned.find(
    ({ name, vkey }) => name === origin && !spans.some(({ verifier }) => verifier.vkey === vkey),
  );
  if (stranger !== undefined)
    return failed(`${nameOf(stranger)} is trusted, and is no key of this log: ${walkText(spans)}`);
  const start = spans.findIndex(({ verifier }) => pinned.some(({ vkey }) => vkey === verifier.vkey));
  if (pinned.length > 0 && start === -1)
    return failed(`no trusted key is one of this log: ${walkText(spans)}`);

  const trusted = spans.slice(Math.max(0, start));
  const inForce = keysAt(trusted, claimed.size);
  const opened = attempt(() => openCheckpoint(bytes, inForce));
  if (opened === undefined) return failed(notSigned(bytes, claimed.size, trusted));
  const signed = { signed_by: opened.signatures.map(nameOf) };
  if (pinned.length === 0) {
    return answer({
      status: 'neutral',
      key: 'self-declared',
      ...signed,
      note: 'self-declared: the first key is known from the log itself only, so anybody could have signed',
    });
  }
  const from = trusted[0]?.from ?? 0;
  return answer({
    status: 'pass',
    key: 'pinned',
    ...signed,
    ...(from === 0
      ? {}
      : { note: `the trusted key took over at ${from}: what is before rests on its word alone` }),
  });
}

function notSigned(bytes: Uint8Array, size: number, spans: readonly KeySpan[]): string {
  const others = spans.map(({ verifier }) => verifier);
  const [by] = attempt(() => openCheckpoint(bytes, others))?.signatures ?? [];
  const last = keysAt(spans, size).at(-1);
  const due = last === undefined ? 'no trusted key' : nameOf(last);
  return by === undefined
    ? `no valid signature of ${due} is on the checkpoint`
    : `the checkpoint of size ${size} is signed by ${nameOf(by)}, and the key at that size is ${due}`;
}
