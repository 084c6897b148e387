/** Payloads on their way past the verifier: the bytes that entries cite, read from the packs and hashed. No key is used. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { TallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { type Citation, packName } from '../core/payload/citation.ts';
import type { Found, Look, PayloadJudge, PayloadsVerdict } from '../core/payload/judge.ts';
import type { OpenedReader } from '../reader.ts';
import { errno } from '../store/file/fs.ts';

export interface PayloadLooker {
  /** undefined where there are no packs to look into. */
  readonly look: Look | undefined;
  verdict(judge: PayloadJudge, signed: number): PayloadsVerdict;
  close(): void;
}

/**
 * `current`: it is the log of this machine, whose packs have to be there; of a copy they may have been left out. Reads
 * synchronously, one blob after the other in the order of the pack: the blocks of the log come no faster than this.
 */
export async function lookAtPayloads(
  { directory, packs }: OpenedReader,
  { current, published }: { readonly current: boolean; readonly published: boolean },
): Promise<PayloadLooker> {
  // Before the entries are read: what is written meanwhile must not count as cited by nobody.
  const stored = published ? [] : await packs.packs();
  const bytes = stored.reduce((sum, pack) => sum + pack.bytes, 0);
  const here = !published && (current || stored.length > 0);
  const reader = here ? createReader(join(directory, 'packs')) : undefined;
  return {
    look: reader?.look,
    verdict: (judge, signed) => judge.judge(bytes, signed),
    close: () => reader?.close(),
  };
}

function createReader(root: string): { readonly look: Look; close(): void } {
  let held: { readonly pack: number; readonly fd: number | undefined } | undefined;
  let buffer = Buffer.alloc(0);

  function close(): void {
    if (held?.fd !== undefined) closeSync(held.fd);
    held = undefined;
  }

  function fdOf(pack: number): number | undefined {
    if (held?.pack === pack) return held.fd;
    close();
    held = { pack, fd: openPack(join(root, packName(pack))) };
    return held.fd;
  }

  function look({ pack, offset, length, cipher_hash }: Citation): Found {
    const fd = fdOf(pack);
    if (fd === undefined) return 'missing';
    if (buffer.length < length) buffer = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const read = readSync(fd, buffer, done, length - done, offset + done);
      if (read === 0) return 'missing';
      done += read;
    }
    return sha256Hex(buffer.subarray(0, length)) === cipher_hash ? 'intact' : 'altered';
  }

  return { look, close };
}

/** undefined when there is none, or something else under its name: a pipe there must not make us wait for ever. */
function openPack(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw new TallyError(
      'USAGE',
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      { hint: 'verify as the user who owns the log, or without packs/ in a copy of it', cause: error },
    );
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  return undefined;
}
