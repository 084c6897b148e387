/**
 * The anchors in `config.yaml`. A person wrote that file: comments and order stay, and it is replaced as a whole or not
 * at all. Putting the change on record comes before this, and is the caller's.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMap, isSeq, parseDocument } from 'yaml';
import { type AnchorSetting, AnchorSettingSchema } from '../anchor/setting.ts';
import { TallyError } from '../core/error.ts';
import { YAML_OPTIONS } from '../core/policy/document.ts';
import type { Paths } from '../paths.ts';
import { errno, makeDirectory, replaceFile, syncDirectory } from '../store/file/fs.ts';
import { tryLock } from '../store/file/lock.ts';
import { loadConfig, parseConfig } from './config.ts';

type ConfigPaths = Pick<Paths, 'configFile' | 'state'>;

const WAIT_MS = 10_000;
const RETRY_MS = 20;

/** The configured anchors, in the order of the file. Throws BAD_CONFIG. */
export function listAnchors(paths: ConfigPaths): readonly AnchorSetting[] {
  return loadConfig(paths.configFile).anchors;
}

/** Checks it as the file is checked, without writing. Throws USAGE; BAD_CONFIG when the file itself is broken. */
export function checkNewAnchor(paths: ConfigPaths, anchor: unknown): AnchorSetting {
  const parsed = AnchorSettingSchema.safeParse(anchor);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new TallyError(
      'USAGE',
      `${issue?.path.join('.') || 'anchor'}: ${issue?.message ?? 'not an anchor'}`,
      {
        hint: 'tally anchor add --help shows an example of each type',
      },
    );
  }
  if (listAnchors(paths).some(({ name }) => name === parsed.data.name)) {
    throw new TallyError('USAGE', `there is an anchor ${parsed.data.name} already`, {
      hint: `take another name, or remove that one first: tally anchor remove ${parsed.data.name}`,
    });
  }
  return parsed.data;
}

/**
 * Adds it at the end. Resolved: the file is durable, 0600, and reads back with the new anchor. Throws USAGE for one that
 * is not well-formed or whose name is taken; the file is then unchanged. `witnessQuorum` is set in the same step.
 */
export async function addAnchor(
  paths: ConfigPaths,
  anchor: unknown,
  witnessQuorum?: number,
): Promise<AnchorSetting> {
  return whileLocked(paths, async () => {
    const checked = checkNewAnchor(paths, anchor);
    await edit(paths, (doc) => {
      if (!isSeq(doc.get('anchors'))) doc.set('anchors', doc.createNode([]));
      const list = doc.get('anchors');
      if (isSeq(list)) list.flow = false;
      doc.addIn(['anchors'], doc.createNode(checked));
      if (witnessQuorum !== undefined) doc.set('witness_quorum', witnessQuorum);
    });
    return checked;
  });
}

/** Throws NOT_FOUND when there is none of that name. Its receipts stay. */
export async function removeAnchor(paths: ConfigPaths, name: string): Promise<AnchorSetting> {
  return whileLocked(paths, async () => {
    const anchors = listAnchors(paths);
    const at = anchors.findIndex((anchor) => anchor.name === name);
    const anchor = anchors[at];
    if (anchor === undefined) throw noSuchAnchor(name, anchors);
    await edit(paths, (doc) => {
      doc.deleteIn(['anchors', at]);
    });
    return anchor;
  });
}

export function noSuchAnchor(name: string, anchors: readonly AnchorSetting[]): TallyError {
  const known = anchors.map((anchor) => anchor.name).join(', ');
  return new TallyError('NOT_FOUND', `no anchor is called ${name}`, {
    hint: known === '' ? 'none is configured: tally anchor add --help' : `there are: ${known}`,
  });
}

async function edit(
  paths: ConfigPaths,
  change: (doc: ReturnType<typeof parseDocument>) => void,
): Promise<void> {
  const { configFile } = paths;
  const before = readText(configFile);
  const parsed = parseDocument(before, YAML_OPTIONS);
  // A file of comments only has nothing to add to yet.
  const doc = isMap(parsed.contents)
    ? parsed
    : parseDocument(`${before.trimEnd()}\nanchors: []\n`.trimStart(), YAML_OPTIONS);
  change(doc);
  const text = doc.toString({ lineWidth: 0 });
  // What is written must be what the next start reads: a setting that is lost here would be lost unseen.
  parseConfig(text, configFile);
  await makeDirectory(dirname(configFile));
  await replaceFile(configFile, Buffer.from(text), true);
  await syncDirectory(dirname(configFile));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return '';
    throw error;
  }
}

/** Reading, editing and writing back is one step: of two additions at once, both are in the file. */
async function whileLocked<T>({ state }: ConfigPaths, body: () => Promise<T>): Promise<T> {
  await makeDirectory(state);
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const lock = tryLock(join(state, 'config.lock.sqlite'));
    if (lock !== undefined) {
      try {
        return await body();
      } finally {
        lock.release();
      }
    }
    if (performance.now() > deadline) {
      throw new TallyError('LOG_LOCKED', 'another command is changing the configuration', {
        hint: 'try again when it is done',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
