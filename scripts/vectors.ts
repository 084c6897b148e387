/**
 * Writes spec/vectors/: test values of the log's formats, as data that a program in any language can run. A test fails
 * when they are out of date: `node scripts/vectors.ts`.
 *
 * rfc6962.json and signed-note.json are not made here: they come from elsewhere (each names its source) and this
 * script only reads the published test key out of them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { encodeBase64, encodeHex, encodeUtf8 } from '../src/core/bytes.ts';
import { GENESIS_PREV } from '../src/core/entry.ts';
import { encodeCheckpoint, signCheckpoint } from '../src/core/tlog/checkpoint.ts';
import { type Signer, signerFromSkey } from '../src/core/tlog/key.ts';
import { signNote } from '../src/core/tlog/note.ts';
import { type HashReader, proveConsistency, proveInclusion, treeRoot } from '../src/core/tlog/proof.ts';
import { bundlePath, bundlesOf, encodeBundle, tilePath, tilesOf } from '../src/core/tlog/tile.ts';
import { leafHash, nodeHash } from '../src/core/tlog/tree.ts';
import { witnessVectors } from './vectors-witness.ts';

export const VECTORS = new URL('../spec/vectors/', import.meta.url);

/** 17 is the first size with a tree on the right of a perfect one of 16. */
const TREE_SIZE = 17;
const CHAIN_SIZE = 5;

function memory(leaves: readonly Uint8Array[]): HashReader {
  const node = (height: number, index: number): Uint8Array =>
    height === 0
      ? (leaves[index] ?? new Uint8Array(0))
      : nodeHash(node(height - 1, index * 2), node(height - 1, index * 2 + 1));
  return node;
}

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

async function tree(): Promise<unknown> {
  const entries = range(0, TREE_SIZE).map((i) => encodeUtf8('x'.repeat(i)));
  const leaves = entries.map(leafHash);
  const read = memory(leaves);
  const inclusion = range(1, TREE_SIZE + 1).flatMap((size) =>
    range(0, size).map((index) => ({ size, index })),
  );
  const consistency = range(1, TREE_SIZE + 1).flatMap((size) =>
    range(1, size + 1).map((old_size) => ({ size, old_size })),
  );
  return {
    about:
      'RFC 6962: leaf i is leaf(entry i); roots, inclusion and consistency proofs of every size to 17; hashes in base64',
    entries: entries.map((entry) => new TextDecoder().decode(entry)),
    leaves: leaves.map(encodeBase64),
    node: {
      left: encodeBase64(leafHash(encodeUtf8('left'))),
      right: encodeBase64(leafHash(encodeUtf8('right'))),
      hash: encodeBase64(nodeHash(leafHash(encodeUtf8('left')), leafHash(encodeUtf8('right')))),
    },
    roots: await Promise.all(
      range(1, TREE_SIZE + 1).map(async (size) => ({ size, root: encodeBase64(await treeRoot(size, read)) })),
    ),
    inclusion: await Promise.all(
      inclusion.map(async (at) => ({
        ...at,
        proof: (await proveInclusion(at.index, at.size, read)).map(encodeBase64),
      })),
    ),
    consistency: await Promise.all(
      consistency.map(async (at) => ({
        ...at,
        proof: (await proveConsistency(at.old_size, at.size, read)).map(encodeBase64),
      })),
    ),
  };
}

function tiles(): unknown {
  const ids = [
    { level: 0, index: 0, width: 256 },
    { level: 0, index: 5, width: 1 },
    { level: 1, index: 999, width: 255 },
    { level: 2, index: 1000, width: 256 },
    { level: 3, index: 1_234_067, width: 256 },
    { level: 5, index: 1_234_067, width: 8 },
    { level: 6, index: Number.MAX_SAFE_INTEGER, width: 256 },
  ];
  const sizes = [0, 1, 255, 256, 257, 65_536, 70_000];
  const bundle = ['', 'a', '{"v":1}'].map(encodeUtf8);
  return {
    about: 'C2SP tlog-tiles: paths of hash tiles and entry bundles, and which of them a tree of a size has',
    paths: ids.map((id) => ({ ...id, path: tilePath(id), entries_path: bundlePath(id) })),
    not_paths: [
      'tile/0/5',
      'tile/0/0005',
      'tile/0/x000/005',
      'tile/0/x5/005',
      'tile/0/005/',
      '/tile/0/005',
      'tile/00/005',
      'tile/7/005',
      'tile/-1/005',
      'tile/0/005.p/0',
      'tile/0/005.p/256',
      'tile/0/005.p/01',
      'tile/0/005.p/',
      'tile/0/x999/x999/x999/x999/x999/999',
      'tile/0/../005',
      'tile/0/%30%30%35',
      'tile/0/٠٠٥',
      'tile/Entries/005',
    ],
    trees: sizes.map((size) => {
      const all = [...tilesOf(size)].map(tilePath);
      const bundles = [...bundlesOf(size)].map(bundlePath);
      const ends = (paths: readonly string[]) => ({
        count: paths.length,
        first: paths[0],
        last: paths.at(-1),
      });
      return size <= 257
        ? { size, tiles: all, bundles }
        : {
            size,
            tiles: { ...ends(all), partial: all.filter((path) => path.includes('.p/')) },
            bundles: ends(bundles),
          };
    }),
    bundle: {
      entries: bundle.map((entry) => new TextDecoder().decode(entry)),
      hex: encodeHex(encodeBundle(bundle)),
    },
  };
}

async function checkpoint(signer: Signer): Promise<unknown> {
  const leaves = range(0, TREE_SIZE).map((i) => leafHash(encodeUtf8('x'.repeat(i))));
  const signed = { origin: signer.name, size: TREE_SIZE, root: await treeRoot(TREE_SIZE, memory(leaves)) };
  const text = encodeCheckpoint(signed);
  const root = encodeBase64(signed.root);
  const lines = (...all: string[]): string => all.join('\n');
  const bad: Record<string, string> = {
    'leading zero in the size': lines(signer.name, '017', root, ''),
    'signed size': lines(signer.name, '+17', root, ''),
    'size beyond 2^53': lines(signer.name, '9007199254740992', root, ''),
    'extension line': lines(signer.name, '17', root, 'extension', ''),
    'empty origin': lines('', '17', root, ''),
    'space in the origin': lines('example.com/a log', '17', root, ''),
    'root without padding': lines(signer.name, '17', root.replace('=', ''), ''),
    'root with unused bits set': lines(
      signer.name,
      '17',
      `${root.slice(0, 42)}${nextLetter(root[42] ?? '')}=`,
      '',
    ),
    'root of 31 bytes': lines(signer.name, '17', encodeBase64(signed.root.slice(1)), ''),
    'no root': lines(signer.name, '17', ''),
    'no last newline': lines(signer.name, '17', root),
    'carriage returns': text.replaceAll('\n', '\r\n'),
  };
  return {
    about:
      'C2SP tlog-checkpoint, signed with the published test key of signed-note.json; Ed25519 is deterministic',
    vkey: signer.vkey,
    origin: signed.origin,
    size: signed.size,
    root,
    text,
    note: new TextDecoder().decode(signCheckpoint(signed, [signer])),
    not_texts: Object.entries(bad).map(([why, text]) => ({ why, text })),
    not_notes: Object.entries(badNotes(text, signer)).map(([why, note]) => ({ why, note })),
  };
}

/** Its two lowest bits are unused in the last letter of 32 bytes. */
function nextLetter(letter: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return alphabet[alphabet.indexOf(letter) + 1] ?? '';
}

function badNotes(text: string, signer: Signer): Record<string, string> {
  const note = new TextDecoder().decode(signNote(text, [signer]));
  const line = note.slice(text.length + 1);
  return {
    'another text': note.replace('17', '18'),
    'no blank line': text + line,
    'no signature': `${text}\n`,
    'last newline missing': note.slice(0, -1),
    'hyphen instead of a dash': note.replace('—', '-'),
    'two spaces': note.replace('— ', '—  '),
    'text after the signature': note.replace(/\n$/, ' more\n'),
    'signature of three bytes': `${text}\n— ${signer.name} AAAA\n`,
    'carriage return': note.replace(/\n$/, '\r\n'),
    'control character': note.replace('17', '17\u0007'),
    'only an unknown key': `${text}\n— elsewhere ${line.split(' ')[2] ?? ''}`,
    'a valid line and one that fails': `${text}\n${line}${line.replace(/....\n$/, 'AAA=\n')}`,
  };
}

function chain(): unknown {
  let prev: string = GENESIS_PREV;
  const entries = range(0, CHAIN_SIZE).map((index) => {
    // Canonical by hand: members in the order of their UTF-16 units, no white space.
    const entry = `{"id":"log_0000000000000000000000000${index}","index":${index},"metadata":{"index":9,"note":"é \\"index\\":1"},"prev":"${prev}","tenant_id":"local","v":1}`;
    const leaf = encodeBase64(leafHash(encodeUtf8(entry)));
    const row = { index, prev, entry, leaf };
    prev = leaf;
    return row;
  });
  return {
    about: 'Five entries: each carries its index and, as prev, the leaf hash of the one before it',
    entries,
  };
}

/** File name → content. */
export async function vectorFiles(): Promise<ReadonlyMap<string, string>> {
  const published = JSON.parse(readFileSync(new URL('signed-note.json', VECTORS), 'utf8'));
  const signer = signerFromSkey(published.checkpoint_signer_public_test_key.signer);
  const files: Record<string, unknown> = {
    'tree.json': await tree(),
    'tiles.json': tiles(),
    'checkpoint.json': await checkpoint(signer),
    'chain.json': chain(),
    'cosignature.json': await witnessVectors(
      signer,
      memory(range(0, TREE_SIZE).map((i) => leafHash(encodeUtf8('x'.repeat(i))))),
    ),
  };
  return new Map(
    Object.entries(files).map(([name, content]) => [name, `${JSON.stringify(content, null, 1)}\n`]),
  );
}

if (import.meta.main) {
  for (const [name, text] of await vectorFiles()) writeFileSync(new URL(name, VECTORS), text);
}
