/**
 * The checkpoint over an entry that most witnesses stand behind: receipts of witnesses name checkpoints that the log signed
 * once, and those are as good for a proof as its newest. Receipts are files beside the log, so nothing in them is believed
 * before it was checked: a line that does not hold would make the proof file look like tampering to whoever has it.
 */
import { listReceipts, type ReceiptFile, readReceipt, receiptPath } from '../anchor/receipts.ts';
import { type AnchorSetting, witnessKeys } from '../anchor/setting.ts';
import { invariant, isTallyError, TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { LogReader } from '../core/ports.ts';
import { openCheckpoint } from '../core/tlog/checkpoint.ts';
import { cosignaturesOn, cosignatureVerifier, mergeSignatures } from '../core/tlog/cosignature.ts';
import { keysAt } from '../core/tlog/key-history.ts';
import { type Note, type NoteSignature, parseNote, signNote } from '../core/tlog/note.ts';
import { createQuorum, judgeQuorum, type QuorumPolicy } from '../core/tlog/quorum.ts';
import type { OpenedReader } from '../reader.ts';
import { type ProvenPlace, placeUnder, type TrustedKey } from './prove.ts';

/** One witness, and when it cosigned, as it says. */
export interface CosignedBy {
  readonly name: string;
  readonly vkey: string;
  /** RFC 3339. */
  readonly time: string;
}

export interface CosignedPlace extends ProvenPlace {
  /** Distinct witnesses; not empty. Earliest first. */
  readonly by: readonly CosignedBy[];
}

export interface CosignedSearch {
  readonly found?: CosignedPlace;
  /** Checkpoints with receipts that were not looked at: there may be one with more witnesses. */
  readonly left: number;
  /** Receipts that do not hold, and why: `tally verify` judges what that means. */
  readonly refused: readonly string[];
}

/**
 * Of the checkpoints over `entry` that a key of the log signed, that the log leads to, and that configured witnesses
 * cosigned: the one of most distinct witnesses, the newest of these. Its note carries only lines that were checked. What a
 * receipt gets wrong rules that receipt out, never the others.
 */
export async function proveCosigned(
  opened: OpenedReader,
  entry: { readonly index: number; readonly line: Uint8Array },
  key: TrustedKey,
  anchors: readonly AnchorSetting[],
): Promise<CosignedSearch> {
  const policy = policyOf(anchors);
  if (policy === undefined) return { left: 0, refused: [] };
  const witnesses = new Set(anchors.filter(({ type }) => type === 'witness').map(({ name }) => name));
  const files = (await listReceipts(opened.reader.objects)).filter(
    ({ name, size, suffix }) => suffix === 'note' && size > entry.index && witnesses.has(name),
  );
  // At most as many witnesses as there are receipts: so most sizes need not be looked at.
  const sizes = [...Map.groupBy(files, ({ size }) => size)].sort(
    ([a, of], [b, others]) => others.length - of.length || b - a,
  );
  let best: CosignedPlace | undefined;
  let tries = 0;
  let left = 0;
  const refused: string[] = [];
  const refuse = (what: string, { message }: TallyError): void => {
    refused.push(`${what}: ${message}`);
  };
  for (const [size, receipts] of sizes) {
    if (best !== undefined && receipts.length < best.by.length) break;
    if (best !== undefined && receipts.length === best.by.length && size < best.checkpoint.size) continue;
    if (tries++ >= LIMITS.cosignedCheckpoints) {
      left++;
      continue;
    }
    for (const candidate of await candidatesOf(opened.reader, receipts, key, policy, refuse)) {
      if (best !== undefined && !isBetter(candidate, best)) continue;
      try {
        best = { ...(await placeUnder(opened, entry, candidate)), by: candidate.by };
      } catch (error) {
        if (!isTallyError(error)) throw error;
        refuse(`the checkpoint of ${size} entries that witnesses cosigned`, error);
      }
    }
  }
  return { ...(best === undefined ? {} : { found: best }), left, refused };
}

/** Every configured witness whose key is one; `undefined` when there is none. */
function policyOf(anchors: readonly AnchorSetting[]): QuorumPolicy | undefined {
  const vkeys = witnessKeys(anchors).filter(isWitnessKey);
  return vkeys.length === 0 ? undefined : createQuorum(vkeys, 1);
}

function isWitnessKey(vkey: string): boolean {
  try {
    cosignatureVerifier(vkey);
    return true;
  } catch (error) {
    if (isTallyError(error)) return false;
    throw error;
  }
}

type Candidate = Pick<CosignedPlace, 'note' | 'checkpoint' | 'by'>;

function isBetter(one: Candidate, than: Candidate): boolean {
  const more = one.by.length - than.by.length;
  return more > 0 || (more === 0 && one.checkpoint.size > than.checkpoint.size);
}

/** One for each text that was cosigned: a fork of this log, or its past, may lie there too. */
async function candidatesOf(
  reader: LogReader,
  files: readonly ReceiptFile[],
  { spans }: TrustedKey,
  policy: QuorumPolicy,
  refuse: (what: string, error: TallyError) => void,
): Promise<readonly Candidate[]> {
  const texts = new Map<string, Pick<Candidate, 'note' | 'checkpoint'>>();
  for (const file of files) {
    const stored = await readReceipt(reader.objects, file);
    if (stored === undefined) continue;
    try {
      const checkpoint = openCheckpoint(stored.bytes, keysAt(spans, file.size));
      const told = parseNote(stored.bytes);
      if (checkpoint.size !== file.size)
        throw new TallyError('CHECKPOINT_MALFORMED', `it is of ${checkpoint.size} entries`);
      const { note } = texts.get(told.text) ?? { note: signNote(told.text, [], checkpoint.signatures) };
      texts.set(told.text, { checkpoint, note: mergeOneByOne(note, linesThatHold(told, policy)) });
    } catch (error) {
      if (!isTallyError(error)) throw error;
      refuse(receiptPath(file.name, file.size, stored.suffix), error);
    }
  }
  return [...texts.values()]
    .map((one) => ({ ...one, by: byOf(one.note, policy) }))
    .filter(({ by }) => by.length > 0);
}

/** Two receipts may hold lines of one witness: a note carries one of them. */
function mergeOneByOne(note: Uint8Array, lines: readonly NoteSignature[]): Uint8Array {
  return lines.reduce((merged, line) => mergeSignatures(merged, [line]), note);
}

function linesThatHold({ text, signatures }: Note, { witnesses }: QuorumPolicy): readonly NoteSignature[] {
  return signatures.filter(
    (line) => cosignaturesOn({ text, signatures: [line] }, witnesses.flat()).verified.length > 0,
  );
}

function byOf(note: Uint8Array, policy: QuorumPolicy): readonly CosignedBy[] {
  return judgeQuorum(policy, note).by.map(({ name, keyId, time }) => {
    const witness = policy.witnesses.flat().find((one) => one.name === name && one.keyId === keyId);
    invariant(witness !== undefined, 'only witnesses of the policy are counted');
    return { name, vkey: witness.vkey, time: new Date(time * 1000).toISOString() };
  });
}
