/**
 * Reads back what anchors gave: the receipts in a log's directory, each checked for this very call, and the checkpoints
 * that anchors outside still hold. Everything here is hostile until it was checked.
 */
import { isTallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import type { ObjectStore } from '../core/ports.ts';
import { createQuorum } from '../core/tlog/quorum.ts';
import type { AnchorEvidence, CheckedReceipt } from '../core/tlog/verify-anchors.ts';
import type { Head } from '../core/tlog/verify-heads.ts';
import { makeDriver } from './drivers.ts';
import { readCheckpoint } from './earlier.ts';
import { checkReceipt, type ReceiptCheck } from './receipt-check.ts';
import { listReceipts, type ReceiptFile, readReceipt, receiptPath } from './receipts.ts';
import { type AnchorSetting, type AnchorSettings, witnessKeys } from './setting.ts';

export interface GatheredEvidence {
  readonly evidence: AnchorEvidence;
  /** Every checkpoint that an anchor was shown or holds: the log has to continue each. */
  readonly heads: readonly Head[];
}

export interface EvidenceSource {
  /** Of the log's directory. */
  readonly objects: Pick<ObjectStore, 'get' | 'list'>;
  readonly origin: string;
  /** Of this machine. Receipts of anchors that are not among them count as far as they can be checked. */
  readonly settings: AnchorSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * To be called before the log's checkpoint is read: a head that is newer than it would look like a rollback. Throws
 * BAD_CONFIG and KEY_MALFORMED for a quorum that the witnesses cannot reach; what a configuration file says is refused for
 * that when it is read.
 */
export async function gatherEvidence(source: EvidenceSource): Promise<GatheredEvidence> {
  const { anchors, witness_quorum } = source.settings;
  const outside = await readOutside(source);
  const files = await listReceipts(source.objects);
  const heads: Head[] = [];
  const receipts: CheckedReceipt[] = [];
  const notes: string[] = [];
  /** A receipt without the checkpoint that was shown proves nothing: it is as good as gone. */
  const whole = new Set(files.filter(({ shown }) => shown === true).map(fileName));
  for (const { chosen, left } of newestOfEach(files)) {
    if (left > 0) notes.push(`${left} older receipts of ${chosen[0]?.name ?? ''} were not looked at`);
    for (const file of chosen) {
      const stored = await readReceipt(source.objects, file);
      if (stored === undefined) {
        whole.delete(fileName(file));
        continue;
      }
      const setting = anchors.find(({ name }) => name === file.name);
      const head = `logs/…/${receiptPath(file.name, file.size, 'checkpoint')}`;
      const told = stillHeld(stored.note, setting, outside) ?? (await checkReceipt(stored, setting));
      receipts.push({
        ...told,
        anchor: file.name,
        size: file.size,
        receipt: `${file.size}.${stored.suffix}`,
        receipt_sha256: sha256Hex(stored.bytes),
        checkpoint_sha256: sha256Hex(stored.note),
        head,
      });
      if (readCheckpoint(stored.note)?.size === file.size)
        heads.push({
          checkpoint: stored.note,
          ground: told.type === 'witness' ? 'witness' : 'anchor',
          name: head,
        });
    }
  }
  return {
    heads: [...heads, ...outside.held.map(({ head }) => head)],
    evidence: {
      configured: anchors.map(({ name, type }) => ({ name, type })),
      receipts: [...receipts, ...outside.held.map(receiptOf)],
      files: whole,
      unreadable: outside.unreadable,
      notes: [...notes, ...outside.notes],
      ...(witness_quorum === undefined ? {} : { quorum: createQuorum(witnessKeys(anchors), witness_quorum) }),
    },
  };
}

function fileName({ name, size, suffix = '' }: ReceiptFile): string {
  return `${name}/${size}.${suffix}`;
}

function newestOfEach(
  files: readonly ReceiptFile[],
): readonly { readonly chosen: readonly ReceiptFile[]; readonly left: number }[] {
  return [...Map.groupBy(files, ({ name }) => name).values()].map((all) => ({
    chosen: all.slice(0, LIMITS.anchorHeads),
    left: Math.max(0, all.length - LIMITS.anchorHeads),
  }));
}

interface Held {
  readonly setting: AnchorSetting;
  readonly size: number;
  readonly sha256: string;
  readonly head: Head;
}

interface Outside {
  readonly held: readonly Held[];
  /** `heldKey` of each. */
  readonly texts: ReadonlySet<string>;
  readonly unreadable: AnchorEvidence['unreadable'];
  readonly notes: readonly string[];
}

/** What a place holds that can be read back is its own receipt. */
function receiptOf({ setting, size, sha256, head }: Held): CheckedReceipt {
  return {
    anchor: setting.name,
    type: setting.type,
    size,
    receipt: '',
    receipt_sha256: '',
    checkpoint_sha256: sha256,
    head: head.name ?? '',
    status: 'verified',
  };
}

function heldKey(anchor: string, sha256: string): string {
  return `${anchor} ${sha256}`;
}

/** For a place that can be read back a receipt says only what was there once. */
function stillHeld(
  note: Uint8Array,
  setting: AnchorSetting | undefined,
  { texts }: Outside,
): ReceiptCheck | undefined {
  if (setting?.type !== 'git' && setting?.type !== 'file') return undefined;
  if (texts.has(heldKey(setting.name, sha256Hex(note)))) return undefined;
  return {
    type: setting.type,
    status: 'unverified',
    why: 'it no longer holds the checkpoint of its newest receipt',
  };
}

/** Who puts the log, its receipts and heads/ back from one backup has not put these back. */
async function readOutside({ settings, origin, env }: EvidenceSource): Promise<Outside> {
  const held: Held[] = [];
  const unreadable: { readonly name: string; readonly why: string }[] = [];
  const notes: string[] = [];
  for (const setting of settings.anchors) {
    try {
      let read = 0;
      for await (const checkpoint of headsOf(setting, origin, env)) {
        read++;
        if (read > LIMITS.anchorHeads) {
          notes.push(`only the newest ${LIMITS.anchorHeads} checkpoints in ${setting.name} were looked at`);
          break;
        }
        const size = readCheckpoint(checkpoint)?.size ?? 0;
        const head: Head = { checkpoint, ground: 'anchor', name: `${setting.name}/${size}` };
        held.push({ setting, size, sha256: sha256Hex(checkpoint), head });
      }
    } catch (error) {
      if (!isTallyError(error)) throw error;
      unreadable.push({ name: setting.name, why: error.message });
    }
  }
  const texts = new Set(held.map(({ setting, sha256 }) => heldKey(setting.name, sha256)));
  return { held, texts, unreadable, notes };
}

/** Only of anchors that can be read without the network; nothing for the others. */
async function* headsOf(
  setting: AnchorSetting,
  origin: string,
  env: EvidenceSource['env'],
): AsyncGenerator<Uint8Array> {
  if (setting.type !== 'git' && setting.type !== 'file') return;
  const nothing = (): never => {
    throw new Error('a driver that is only read asked for what reading needs not');
  };
  const driver = await makeDriver(setting, {
    env,
    now: nothing,
    random: nothing,
    secret: nothing,
    lastSize: nothing,
    warn: nothing,
  });
  if (driver.heads !== undefined) yield* driver.heads(origin);
}
