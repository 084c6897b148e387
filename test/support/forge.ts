/** What somebody with the files, and perhaps with a private key, can make of a log. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encodeLogInfo, parseLogInfo } from '../../src/core/loginfo.ts';
import { signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { type Signer, signerFromSkey } from '../../src/core/tlog/key.ts';
import { TILE_WIDTH, tilePath } from '../../src/core/tlog/tile.ts';
import { createTree } from '../../src/core/tlog/tiling.ts';
import { leafHash } from '../../src/core/tlog/tree.ts';
import { fileReader } from '../../src/store/file/reader.ts';

/** All lines of a log, of sealed segments too. */
export async function readEntries(log: string): Promise<string[]> {
  const reader = fileReader(log);
  const blocks: Uint8Array[] = [];
  for (const { first } of await reader.segments()) {
    for await (const block of reader.read(first)) blocks.push(Buffer.from(block));
  }
  return Buffer.concat(blocks).toString('utf8').split('\n').slice(0, -1);
}

/** Puts other lines in place of all segments, plain, as long as they were; checkpoint and tiles stay as they are. */
export async function writeEntries(log: string, lines: readonly string[], segment: number): Promise<void> {
  await rm(join(log, 'entries'), { recursive: true });
  await mkdir(join(log, 'entries'));
  for (let first = 0; first < lines.length; first += segment) {
    const held = lines.slice(first, first + segment).join('\n');
    await writeFile(join(log, 'entries', `${String(first).padStart(12, '0')}.jsonl`), `${held}\n`);
  }
}

/** Index and prev as the sequencer would give them. */
export function chained(lines: readonly string[]): string[] {
  let prev = Buffer.alloc(32).toString('base64');
  return lines.map((line, index) => {
    const entry = line
      .replace(/"prev":"[^"]*"/, `"prev":"${prev}"`)
      .replace(/"index":\d+/, `"index":${index}`);
    prev = Buffer.from(leafHash(Buffer.from(entry))).toString('base64');
    return entry;
  });
}

/** The whole history made again: chain, tiles and a checkpoint by `signers`. Returns the checkpoint. */
export async function signAnew(
  log: string,
  lines: readonly string[],
  signers: readonly Signer[],
  segment: number,
): Promise<Uint8Array> {
  const made = chained(lines);
  const tree = createTree();
  for (const line of made) tree.append(leafHash(Buffer.from(line)));
  await writeEntries(log, made, segment);
  await rm(join(log, 'tile'), { recursive: true, force: true });
  for (const { level, index, bytes } of tree.takeTiles()) {
    const path = join(log, tilePath({ level, index, width: TILE_WIDTH }));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
  const origin = parseLogInfo(await readFile(join(log, 'log.json'))).origin;
  const note = signCheckpoint({ origin, size: tree.size, root: tree.root() }, signers);
  await writeFile(join(log, 'checkpoint'), note);
  return note;
}

/** The checkpoint of the first `size` of some lines, by `signers`. */
export function checkpointOf(
  origin: string,
  lines: readonly string[],
  size: number,
  signers: readonly Signer[],
): Uint8Array {
  const tree = createTree();
  for (const line of lines.slice(0, size)) tree.append(leafHash(Buffer.from(line)));
  return signCheckpoint({ origin, size, root: tree.root() }, signers);
}

export async function readSigner(path: string): Promise<Signer> {
  return signerFromSkey((await readFile(path, 'utf8')).trim());
}

/** Makes log.json name other keys. */
export async function declareKeys(
  log: string,
  keys: readonly { readonly vkey: string; readonly from: number }[],
): Promise<void> {
  const path = join(log, 'log.json');
  await writeFile(path, encodeLogInfo({ ...parseLogInfo(await readFile(path)), keys: [...keys] }));
}

/** The first file of `directory` whose name ends in `suffix`. */
export async function fileIn(directory: string, suffix: string): Promise<string> {
  const name = (await readdir(directory)).sort().find((file) => file.endsWith(suffix));
  if (name === undefined) throw new Error(`no file in ${directory} ends in ${suffix}`);
  return join(directory, name);
}
