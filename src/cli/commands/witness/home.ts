/** The directory of our own witness: its key, and who may use it. */
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { TallyError } from '../../../core/error.ts';
import type { ObjectStore } from '../../../core/ports.ts';
import { type Cosigner, cosignerFromSkey, makeCosignerKey } from '../../../core/tlog/cosignature.ts';
import { makeDirectory } from '../../../store/file/fs.ts';
import { tryLock } from '../../../store/file/lock.ts';
import { fileObjects } from '../../../store/file/objects.ts';
import type { Context } from '../../context.ts';

const KEY_FILE = 'key';
const SEED_BYTES = 32;
const OTHERS_WRITE = 0o022;

export interface WitnessHome {
  readonly directory: string;
  readonly files: ObjectStore;
}

/**
 * `dir`, or the one of this machine. Made when it is not there, for its owner only. One that is there keeps its modes,
 * whosever it is; throws `BAD_CONFIG` when others may write into it, since they could put the state back.
 */
export async function witnessHome({ paths }: Context, dir: string | undefined): Promise<WitnessHome> {
  const directory = dir === undefined ? join(paths.state, 'witness') : resolve(dir);
  let mode: number;
  try {
    await makeDirectory(directory);
    mode = (await stat(directory)).mode;
  } catch (error) {
    throw new TallyError(
      'BAD_CONFIG',
      `cannot make ${directory}: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'give the witness a directory that this user may write: tally witness serve --dir DIR',
        cause: error,
      },
    );
  }
  if ((mode & OTHERS_WRITE) !== 0)
    throw new TallyError('BAD_CONFIG', `other users may write into ${directory}`, {
      hint: `a witness needs a directory of its own: chmod 700 ${directory}, or another one with --dir DIR`,
    });
  return { directory, files: fileObjects(directory) };
}

/** One process at a time: two that cosign the same log would each know half. Throws `LOG_LOCKED`. */
export function lockWitness({ directory }: WitnessHome): { release(): void } {
  const lock = tryLock(join(directory, 'lock.sqlite'));
  if (lock !== undefined) return lock;
  throw new TallyError('LOG_LOCKED', `a witness runs on ${directory} already`, {
    hint: 'use that one, or end it first; another witness needs a directory of its own: tally witness serve --dir DIR',
  });
}

/** undefined before the first start. Throws `KEY_MALFORMED`. */
export async function readWitnessKey({ files }: Pick<WitnessHome, 'files'>): Promise<Cosigner | undefined> {
  const stored = await files.get(KEY_FILE);
  return stored === undefined ? undefined : cosignerFromSkey(Buffer.from(stored).toString('utf8').trim());
}

/** The key, made at the first start. The caller holds the lock. */
export async function witnessKey(home: WitnessHome, name: string | undefined): Promise<Cosigner> {
  const stored = await readWitnessKey(home);
  if (stored !== undefined) {
    if (name === undefined || name === stored.name) return stored;
    throw new TallyError('USAGE', `this witness is called ${stored.name}: its name is part of its key`, {
      hint: 'leave --name away, or begin a new witness: tally witness serve --name NAME --dir DIR',
    });
  }
  const cosigned = await home.files.list('heads/');
  if (cosigned.length > 0)
    throw new TallyError(
      'WITNESS_DAMAGED',
      `the key of this witness is gone: ${join(home.directory, KEY_FILE)}`,
      {
        hint: 'restore that file; without it, begin a new witness: tally witness serve --dir DIR',
      },
    );
  const { skey } = makeCosignerKey(name ?? defaultName(), randomBytes(SEED_BYTES));
  await home.files.put(KEY_FILE, Buffer.from(`${skey}\n`));
  return cosignerFromSkey(skey);
}

/** Key names have no white space and no "+"; a machine may be called anything. */
function defaultName(): string {
  return `${hostname().replaceAll(/[^A-Za-z0-9.-]+/g, '-') || 'localhost'}/witness`;
}
