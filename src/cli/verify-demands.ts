/** What a log is held against: the heads and rotation notes of this machine, and the heads that were given. */
import { realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { isTallyError, TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { Checkpoint } from '../core/tlog/checkpoint.ts';
import { verifierFromVkey } from '../core/tlog/key.ts';
import { nameOf, type RotationNote } from '../core/tlog/key-history.ts';
import { parseNote } from '../core/tlog/note.ts';
import { checkConsistency, type Proof, proveConsistency, treeRoot } from '../core/tlog/proof.ts';
import type { Head, OlderCopy } from '../core/tlog/verify-heads.ts';
import { claimedCheckpoint } from '../core/tlog/verify-keys.ts';
import { attempt } from '../core/tlog/verify-signed.ts';
import type { OpenedReader } from '../reader.ts';
import { fileReader } from '../store/file/reader.ts';
import { readGiven } from './given-file.ts';
import { hashesOf } from './hashes.ts';
import type { Blocks } from './log-source.ts';
import { type LocalHead, pinnedVkey, rememberedRotations, type Whose } from './remembered.ts';

export interface Demands {
  readonly heads: readonly Head[];
  readonly rotations: readonly RotationNote[];
}

interface Asked extends Whose {
  /** Keys that were given. */
  readonly keys: readonly string[];
  /** Files. */
  readonly heads: readonly string[];
}

interface Judged {
  readonly origin: string;
  readonly published: boolean;
  readonly blocks: Pick<Blocks, 'checkpoint'>;
}

interface Seen {
  readonly local: readonly LocalHead[];
  readonly anchored: readonly Head[];
}

export async function demandsOn(
  opened: OpenedReader,
  { current, keys, heads }: Asked,
  about: Judged,
  { local, anchored }: Seen,
): Promise<Demands> {
  const { origin } = about;
  const given = await Promise.all(heads.map(givenHead));
  const own = local.filter((head) => (current ? head.log === opened.name : head.origin === origin));
  const rotations = await rememberedRotations(opened, { current }, origin);
  const isCopy = !current && !(await isOwn(opened));
  const known = isCopy && keys.length > 0 ? await rememberedKeys(opened, origin, own, rotations) : undefined;
  if (known !== undefined && isAnothers(keys, known)) {
    const signedHere = (head: Head): boolean =>
      signersOf(head.checkpoint, origin).some((id) => known.has(id));
    return { heads: [...anchored.filter((head) => !signedHere(head)), ...given], rotations: [] };
  }
  // Only a published copy may have stayed behind its log.
  const copy = about.published && isCopy ? await about.blocks.checkpoint() : undefined;
  const end = claimedCheckpoint(copy);
  if (end === undefined) return { heads: [...anchored, ...own, ...given], rotations };

  const [log] = own;
  const older = async (head: Head): Promise<OlderCopy | undefined> => {
    const newer = claimedCheckpoint(head.checkpoint);
    if (log === undefined || newer === undefined || newer.size <= end.size) return undefined;
    return relationOf(opened, log.log, end, newer);
  };
  const judged: Head[] = [];
  // One after the other: an anchor may hold thousands.
  for (const head of [...anchored, ...own]) {
    const relation = await older(head);
    judged.push(relation === undefined ? head : { ...head, older: relation });
  }
  return { heads: [...judged, ...given], rotations: rotations.filter(({ size }) => size <= end.size) };
}

/**
 * Names of the keys that this machine remembers for the log of that origin: its first one, and those that signed its
 * newest head and its rotation notes. `undefined` when its first key is remembered and cannot be read.
 */
async function rememberedKeys(
  opened: OpenedReader,
  origin: string,
  heads: readonly Head[],
  rotations: readonly RotationNote[],
): Promise<ReadonlySet<string> | undefined> {
  const notes = [...heads.map(({ checkpoint }) => checkpoint), ...rotations.map(({ note }) => note)];
  try {
    const first = await pinnedVkey(opened, { current: false }, origin);
    return new Set([
      ...(first === undefined ? [] : [nameOf(verifierFromVkey(first))]),
      ...notes.flatMap((note) => signersOf(note, origin)),
    ]);
  } catch (error) {
    if (isTallyError(error)) return undefined;
    throw error;
  }
}

function signersOf(note: Uint8Array, origin: string): readonly string[] {
  const signatures = attempt(() => parseNote(note))?.signatures ?? [];
  return signatures.filter(({ name }) => name === origin).map(nameOf);
}

/**
 * An origin is a name that anybody may choose, and two machines of one name have chosen the same. Whoever gives a key that
 * is none of those that are remembered means a log of somebody else, of which this machine remembers nothing.
 */
function isAnothers(keys: readonly string[], known: ReadonlySet<string>): boolean {
  return !keys.some((vkey) => known.has(nameOf(verifierFromVkey(vkey))));
}

/** Whether the directory that was named is one of this machine's logs: those never stay behind what is remembered. */
async function isOwn({ directory, logs }: OpenedReader): Promise<boolean> {
  try {
    const path = relative(await realpath(logs), await realpath(directory));
    return path !== '..' && !path.startsWith(`..${sep}`);
  } catch {
    // There are no logs on this machine.
    return false;
  }
}

/**
 * Asks the log of this machine, of which nothing is believed that does not lead to the remembered head: an altered one
 * must not accuse an honest copy, nor vouch for a forged one.
 */
async function relationOf(
  { logs }: OpenedReader,
  log: string,
  copy: Checkpoint,
  head: Checkpoint,
): Promise<OlderCopy> {
  try {
    const read = hashesOf(fileReader(join(logs, log)), head.size);
    const proof = await proveConsistency(copy.size, head.size, read);
    if (leads(proof, copy, head)) return 'begins';
    // Of an empty tree there is one root only.
    if (copy.size === 0) return 'differs';
    const root = await treeRoot(copy.size, read);
    return leads(proof, { size: copy.size, root }, head) ? 'differs' : 'unknown';
  } catch (error) {
    if (isTallyError(error)) return 'unknown';
    throw error;
  }
}

type Tree = Pick<Checkpoint, 'size' | 'root'>;

function leads(proof: Proof, from: Tree, to: Tree): boolean {
  const shown = attempt(() => {
    checkConsistency(proof, from.size, from.root, to.size, to.root);
    return true;
  });
  return shown ?? false;
}

async function givenHead(path: string): Promise<Head> {
  try {
    return { checkpoint: await readGiven(path, LIMITS.noteBytes + 1), ground: 'given', name: path };
  } catch (error) {
    if (isTallyError(error)) throw error;
    throw new TallyError(
      'USAGE',
      `cannot read the head ${path}: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'give a file with a signed checkpoint, such as a copy of logs/<log>/checkpoint made earlier',
        cause: error,
      },
    );
  }
}
