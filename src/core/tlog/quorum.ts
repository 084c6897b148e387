/**
 * "k of n": how many witnesses have to have cosigned a checkpoint before it counts as witnessed. Pure.
 *
 * A witness is a key and a name, and whoever has two of either is still one witness: two keys under one name, and one key
 * under two names (the signed bytes do not hold the name, so anyone can put such a line under both), count once.
 */
import { TallyError } from '../error.ts';
import {
  type Cosignature,
  type CosignatureVerifier,
  cosignaturesOn,
  cosignatureVerifier,
} from './cosignature.ts';
import { type Note, parseNote } from './note.ts';

export interface QuorumPolicy {
  readonly needed: number;
  /** Distinct witnesses, each with all its keys; at least `needed` of them. */
  readonly witnesses: readonly (readonly CosignatureVerifier[])[];
}

export interface QuorumResult {
  readonly needed: number;
  /** Distinct witnesses that the policy names. */
  readonly of: number;
  /** One cosignature for each distinct witness that gave one: its earliest. Earliest first. */
  readonly by: readonly Cosignature[];
  /** Lines of a witness of the policy that do not hold. */
  readonly failed: readonly Pick<Cosignature, 'name' | 'keyId'>[];
  /** Enough distinct witnesses, and no line of one of them that does not hold. */
  readonly met: boolean;
  /** Only when met: the second since 1970 by which `needed` witnesses had seen the checkpoint, as they say. */
  readonly time?: number;
}

/** Throws `KEY_MALFORMED` for a key, `BAD_CONFIG` for a number that no set of cosignatures could reach. */
export function createQuorum(vkeys: readonly string[], needed: number): QuorumPolicy {
  const witnesses: CosignatureVerifier[][] = [];
  for (const verifier of vkeys.map(cosignatureVerifier)) {
    const same = witnesses.filter((group) =>
      group.some(({ name, publicKey }) => name === verifier.name || publicKey === verifier.publicKey),
    );
    for (const group of same) witnesses.splice(witnesses.indexOf(group), 1);
    witnesses.push([...same.flat(), verifier]);
  }
  if (!Number.isSafeInteger(needed) || needed < 1 || needed > witnesses.length)
    throw new TallyError(
      'BAD_CONFIG',
      `${needed} ${needed === 1 ? 'witness' : 'witnesses'} cannot be asked for: there ${witnesses.length === 1 ? 'is 1' : `are ${witnesses.length} different ones`}`,
      { hint: 'ask for at least 1 and at most as many as there are; two keys of one name count once' },
    );
  return { needed, witnesses };
}

/** Which witness of the policy this key is of, by its public key (base64); `undefined` for none of them. */
export function witnessOf(
  { witnesses }: QuorumPolicy,
  publicKey: string,
): readonly CosignatureVerifier[] | undefined {
  return witnesses.find((keys) => keys.some((key) => key.publicKey === publicKey));
}

/**
 * `latest`: cosignatures of a later second than this are not counted, for a clock of one's own. Throws `NOTE_MALFORMED`
 * when bytes are given that are no note.
 */
export function judgeQuorum(
  policy: QuorumPolicy,
  note: Uint8Array | Pick<Note, 'text' | 'signatures'>,
  latest = Number.POSITIVE_INFINITY,
): QuorumResult {
  const parsed = note instanceof Uint8Array ? parseNote(note) : note;
  const by: Cosignature[] = [];
  const failed: Pick<Cosignature, 'name' | 'keyId'>[] = [];
  for (const keys of policy.witnesses) {
    const found = cosignaturesOn(parsed, keys);
    failed.push(...found.failed);
    const inTime = found.verified.filter(({ time }) => time <= latest).sort((a, b) => a.time - b.time);
    if (inTime[0] !== undefined) by.push(inTime[0]);
  }
  by.sort((a, b) => a.time - b.time);
  const decisive = failed.length === 0 ? by[policy.needed - 1] : undefined;
  return {
    needed: policy.needed,
    of: policy.witnesses.length,
    by,
    failed,
    met: decisive !== undefined,
    ...(decisive === undefined ? {} : { time: decisive.time }),
  };
}
