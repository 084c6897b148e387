/** A small log built through the core only, as bytes that tests can mutilate. */
import { encodeUtf8 } from '../../../src/core/bytes.ts';
import { GENESIS_PREV } from '../../../src/core/entry.ts';
import { signCheckpoint } from '../../../src/core/tlog/checkpoint.ts';
import { makeKeyPair, type Signer, signerFromSkey } from '../../../src/core/tlog/key.ts';
import { createTree, type Tree } from '../../../src/core/tlog/tiling.ts';
import { leafHash } from '../../../src/core/tlog/tree.ts';
import type { LogSource } from '../../../src/core/tlog/verify.ts';

export const ORIGIN = 'test.example/local';

/** Made at run time from a fixed byte: no key material stands in the repository. */
export function testSigner(fill = 7, name = ORIGIN): Signer {
  return signerFromSkey(makeKeyPair(name, new Uint8Array(32).fill(fill)).skey);
}

/** Canonical JSON; keys that an agent may choose try to pass for the entry's own. */
export function entryText(index: number, prev: string, extra = ''): string {
  const metadata = `{"index":${(index * 7) % 11},"note":"a \\"quoted\\" ,\\"index\\":${index + 1} brace }{","prev":"${GENESIS_PREV}"}`;
  return `{"action":{"index":3,"name":"http.call${extra}"},"index":${index},"metadata":${metadata},"prev":"${prev}","tenant_id":"local","v":1}`;
}

export interface TestLog {
  readonly lines: string[];
  readonly leaves: Uint8Array[];
  readonly tiles: Map<string, Uint8Array>;
  readonly tree: Tree;
  readonly signer: Signer;
  checkpoint: Uint8Array;
}

export interface BuildOptions {
  readonly signer?: Signer;
  readonly text?: (index: number, prev: string) => string;
  /** Entries that the checkpoint covers; all of them unless given. */
  readonly signed?: number;
}

export function buildLog(size: number, options: BuildOptions = {}): TestLog {
  const { signer = testSigner(), text = entryText, signed = size } = options;
  const tree = createTree();
  const tiles = new Map<string, Uint8Array>();
  const lines: string[] = [];
  const leaves: Uint8Array[] = [];
  let prev: string = GENESIS_PREV;
  let checkpoint = signCheckpoint({ origin: signer.name, size: 0, root: tree.root() }, [signer]);
  for (let index = 0; index < size; index++) {
    const line = text(index, prev);
    const leaf = leafHash(encodeUtf8(line));
    lines.push(line);
    leaves.push(leaf);
    tree.append(leaf);
    for (const tile of tree.takeTiles()) tiles.set(`${tile.level}/${tile.index}`, tile.bytes);
    prev = Buffer.from(leaf).toString('base64');
    if (index + 1 === signed)
      checkpoint = signCheckpoint({ origin: signer.name, size: signed, root: tree.root() }, [signer]);
  }
  return { lines, leaves, tiles, tree, signer, checkpoint };
}

export function bytesOf(lines: readonly string[]): Uint8Array {
  return encodeUtf8(lines.map((line) => `${line}\n`).join(''));
}

/** The log's bytes, or others in their place, served in blocks of `blockBytes`. */
export function sourceOf(
  log: TestLog,
  changes: Partial<LogSource> = {},
  bytes = bytesOf(log.lines),
  blockBytes = 1000,
): LogSource {
  return {
    origin: ORIGIN,
    vkeys: [log.signer.vkey],
    checkpoint: async () => log.checkpoint,
    tile: async (level, index) => log.tiles.get(`${level}/${index}`)?.slice(),
    async *blocks() {
      for (let at = 0; at < bytes.length; at += blockBytes) yield bytes.slice(at, at + blockBytes);
    },
    ...changes,
  };
}
