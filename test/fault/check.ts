/**
 * Looks at the files of a log and shares no code with the project: entries in order, none missing, none doubled, each
 * naming the one before; the root over them is the one that was signed, by a key that the first one leads to. Returns
 * what is wrong.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const leafHash = (entry: Uint8Array): Buffer => sha256(Buffer.of(0), entry);

/** RFC 6962 section 2.1, as it stands there. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return only;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Buffer.of(1), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

/** A sealed segment: frames, then a skippable frame with their sizes (zstd's seekable format). */
function unseal(bytes: Buffer): Buffer {
  const count = bytes.readUInt32LE(bytes.length - 9);
  const width = (bytes.readUInt8(bytes.length - 5) & 0x80) === 0 ? 8 : 12;
  const table = bytes.length - 9 - count * width;
  const parts: Buffer[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const length = bytes.readUInt32LE(table + i * width);
    parts.push(zstdDecompressSync(bytes.subarray(at, at + length)));
    at += length;
  }
  return Buffer.concat(parts);
}

function linesOf(entries: string): Buffer[] {
  const names = existsSync(entries) ? readdirSync(entries) : [];
  const firsts = [...new Set(names.flatMap((name) => /^(\d+)\.jsonl(\.zst)?$/.exec(name)?.[1] ?? []))].sort();
  return firsts.flatMap((first) => {
    const plain = `${first}.jsonl`;
    const bytes = names.includes(plain)
      ? readFileSync(join(entries, plain))
      : unseal(readFileSync(join(entries, `${plain}.zst`)));
    const lines: Buffer[] = [];
    for (let start = 0, end = bytes.indexOf(10); end !== -1; start = end + 1, end = bytes.indexOf(10, start))
      lines.push(bytes.subarray(start, end));
    return lines;
  });
}

interface StoredEntry {
  readonly id: string;
  readonly phase: string;
  readonly parent_id?: string;
}

/** Every entry of the log, in order. Throws for a line that is none. */
export function entriesIn(state: string): readonly StoredEntry[] {
  return linesOf(join(state, 'logs/local/entries')).map((line) => JSON.parse(line.toString()));
}

interface Signed {
  readonly size: number;
  readonly root: string;
  /** Whether the key of `vkey` signed it. */
  by(vkey: string): boolean;
}

function readNote(path: string): Signed {
  const bytes = readFileSync(path);
  const split = bytes.lastIndexOf('\n\n');
  const text = bytes.subarray(0, split + 1);
  const [, size, root] = text.toString().split('\n');
  const signatures = bytes
    .subarray(split + 2)
    .toString()
    .split('\n');
  return {
    size: Number(size),
    root: root ?? '',
    by(vkey) {
      const [name = '', id = '', ...key] = vkey.split('+');
      const raw = Buffer.from(key.join('+'), 'base64').subarray(1);
      const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
      const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
      return signatures.some((line) => {
        const blob = Buffer.from(line.split(' ')[2] ?? '', 'base64');
        return (
          line.startsWith(`— ${name} `) &&
          blob.subarray(0, 4).toString('hex') === id &&
          verify(null, text, publicKey, blob.subarray(4))
        );
      });
    },
  };
}

export interface Acknowledged {
  readonly index: number;
  readonly id: string;
}

/** `whole`: the log was closed, so the checkpoint covers every entry. */
export function problemsOf(
  state: string,
  acknowledged: readonly Acknowledged[],
  { whole }: { readonly whole: boolean },
): readonly string[] {
  const problems: string[] = [];
  const log = join(state, 'logs/local');
  const lines = linesOf(join(log, 'entries'));
  const leaves = lines.map(leafHash);
  const ids: string[] = [];
  for (const [i, line] of lines.entries()) {
    let entry: { id?: string; index?: number; prev?: string };
    try {
      entry = JSON.parse(line.toString());
    } catch {
      problems.push(`line ${i} is no JSON`);
      continue;
    }
    const prev = (leaves[i - 1] ?? Buffer.alloc(32)).toString('base64');
    if (entry.index !== i) problems.push(`line ${i} holds index ${entry.index}`);
    if (entry.prev !== prev) problems.push(`entry ${i} does not name the one before`);
    ids.push(entry.id ?? '');
  }
  if (new Set(ids).size !== ids.length) problems.push('an id stands twice');

  const byIndex = new Map<number, string>();
  for (const { index, id } of acknowledged) {
    if (ids[index] !== id) problems.push(`acknowledged entry ${index} (${id}) is not there`);
    if ((byIndex.get(index) ?? id) !== id) problems.push(`index ${index} was acknowledged twice`);
    byIndex.set(index, id);
  }

  const { keys } = JSON.parse(readFileSync(join(log, 'log.json'), 'utf8')) as {
    keys: { vkey: string; from: number }[];
  };
  const remembered = readFileSync(join(state, 'heads/local/vkey'), 'utf8').trim();
  if (keys[0]?.vkey !== remembered) problems.push('log.json begins with another key than the remembered one');
  const check = (name: string, path: string, signers: readonly string[]): number => {
    const note = readNote(path);
    if (note.size > leaves.length) problems.push(`${name} covers ${note.size} of ${leaves.length} entries`);
    else if (rootOf(leaves.slice(0, note.size)).toString('base64') !== note.root)
      problems.push(`${name}: the root is another one`);
    for (const signer of signers) if (!note.by(signer)) problems.push(`${name} is not signed by ${signer}`);
    return note.size;
  };
  for (const [i, { vkey, from }] of keys.entries()) {
    const old = keys[i - 1]?.vkey;
    if (old === undefined) continue;
    for (const at of ['logs/local/keys', 'heads/local/keys'])
      check(`${at}/${from}.note`, join(state, at, `${from}.note`), [old, vkey]);
  }
  const last = keys.at(-1)?.vkey ?? '';
  const size = check('checkpoint', join(log, 'checkpoint'), [last]);
  check('remembered head', join(state, 'heads/local/checkpoint'), [last]);
  if (whole && size !== leaves.length)
    problems.push(`the checkpoint covers ${size} of ${leaves.length} entries`);
  return problems;
}
