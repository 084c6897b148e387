import { resolve } from 'node:path';
import { Command } from 'commander';
import { equalBytes } from '../../../core/bytes.ts';
import { isTallyError, TallyError } from '../../../core/error.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { LogReader } from '../../../core/ports.ts';
import { type Checkpoint, parseCheckpoint, type VerifiedCheckpoint } from '../../../core/tlog/checkpoint.ts';
import { createEntryReader } from '../../../core/tlog/entry-reader.ts';
import type { RotationNote } from '../../../core/tlog/key-history.ts';
import { rotationName } from '../../../core/tlog/key-history.ts';
import { parseNote } from '../../../core/tlog/note.ts';
import { treeRoot } from '../../../core/tlog/proof.ts';
import { type PublishedFile, publishTree } from '../../../core/tlog/publish.ts';
import { encodeNoteSizes, NOTE_SIZES } from '../../../core/tlog/published.ts';
import { readRotations } from '../../../core/tlog/rotation-notes.ts';
import { TILE_WIDTH, tilePath } from '../../../core/tlog/tile.ts';
import { createTree, loadTreeState, type TreeState } from '../../../core/tlog/tiling.ts';
import { emptyRoot } from '../../../core/tlog/tree.ts';
import type { Context } from '../../context.ts';
import { hashesOf } from '../../hashes.ts';
import { examples } from '../../help.ts';
import { createProgress, grouped } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';
import { openNewest, type TrustedKey, trustedKey } from '../../prove.ts';
import { prunedFiles, prunedState } from '../../publish-pruned.ts';
import { requireFreeOrPublished, requirePublishTarget } from '../../publish-target.ts';
import { publishedFault } from '../../publish-whole.ts';
import { openPublisher, type Publisher, prunePublished, readPublished } from '../../published.ts';

interface PublishOptions {
  readonly dir?: string;
  readonly full?: boolean;
  readonly prune?: boolean;
  readonly json?: boolean;
}

export function buildPublish(context: Context): Command {
  const command = new Command('publish')
    .description(
      'Writes the newest signed checkpoint with its hash tiles and entry bundles (C2SP tlog-tiles) into a directory. Run again, it goes on where the published checkpoint ends; cut short at any moment, the next run completes it. New entries are hashed and held against the signed root first; the checkpoint comes last. The entries are in it: publish it where their readers may read.',
    )
    .argument('<directory>', 'where to write; made when it is not there')
    .option('--dir <directory>', 'another log directory')
    .option('--full', 'from the first entry on: look at every file again, and mend what was damaged')
    .option('--prune', 'take away partial tiles whose full one is there')
    .option('--json', 'one JSON document');
  return examples(command, [
    ['tally log publish /srv/www/log', 'serve that directory with any web server'],
    ['tally log publish /srv/www/log --full', 'look at all of it again'],
    ['tally key list', 'the key that its readers need'],
  ]).action((directory: string, options: PublishOptions) => publish(context, directory, options));
}

async function publish(context: Context, target: string, options: PublishOptions): Promise<void> {
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const { reader } = opened;
  const whose = { current: options.dir === undefined, given: undefined };
  const directory = resolve(target);
  await requirePublishTarget(directory, context.paths, resolve(opened.directory));
  // A directory that holds something else is left as it is.
  await requireFreeOrPublished(directory);
  await keepPromise(directory, reader, newestOf(await trustedKey(opened, whose)).checkpoint);
  const publisher = await openPublisher(directory);
  const progress = createProgress(context.stderr, 'publishing', 'entries');
  try {
    // Again, now that nobody else publishes there: meanwhile another program may have published more than was signed then.
    const key = await trustedKey(opened, whose);
    const { note, checkpoint } = newestOf(key);
    const published = await keepPromise(directory, reader, checkpoint);
    const state =
      options.full === true
        ? undefined
        : await publishedState(context, directory, reader, published, checkpoint);
    const first = (await reader.segments())[0]?.first ?? 0;
    // What was pruned before it was published: its bundles nobody has any more.
    const pruned = first > (state?.size ?? 0) ? await prunedState(reader, first) : undefined;
    const since = pruned ?? state;
    const from = since?.size ?? 0;
    if (pruned !== undefined)
      context.warn(
        `the ${grouped(first)} entries before ${first} were pruned: their hashes are published, and their bundles only where they are there already`,
      );
    const files = publishTree({
      note,
      checkpoint,
      blocks: (first) => createEntryReader(reader).blocks(first),
      ...(since === undefined ? {} : { since }),
    });
    if (pruned !== undefined) await putEach(publisher, prunedFiles(reader, first, pruned));
    await putAll(publisher, files, await notesOf(directory, reader, checkpoint), (entries) =>
      progress.update(Math.min(from + entries, checkpoint.size), checkpoint.size),
    );
    const takenAway = options.prune === true ? await prunePublished(directory) : undefined;
    const { origin, size } = checkpoint;
    const { written, kept } = publisher;
    progress.end();
    await tell(context, options.json === true, {
      directory,
      origin,
      size,
      from,
      written,
      kept,
      ...(takenAway === undefined ? {} : { pruned: takenAway }),
      ...(pruned === undefined ? {} : { without_entries_before: first }),
      // The first one: the published notes lead from it to the one that signs now.
      vkey: key.first.vkey,
    });
  } finally {
    progress.end();
    await publisher.close();
  }
}

function newestOf(key: TrustedKey): NonNullable<ReturnType<typeof openNewest>> {
  const newest = openNewest(key);
  if (newest !== undefined) return newest;
  throw new TallyError('NOT_FOUND', 'this log has no signed checkpoint yet', {
    hint: 'record something first; a checkpoint is signed within 200 ms',
  });
}

interface Published {
  readonly directory: string;
  readonly origin: string;
  readonly size: number;
  /** The first entry that was read. */
  readonly from: number;
  readonly written: number;
  readonly kept: number;
  readonly pruned?: number;
  /** Pruned before they were published: their hashes are there, their bundles are not. */
  readonly without_entries_before?: number;
  readonly vkey: string;
}

async function tell({ stdout }: Context, json: boolean, result: Published): Promise<void> {
  if (json) return stdout.line(toJson(result));
  const { directory, origin, size, from, written, kept, pruned, vkey } = result;
  await stdout.line(`published ${grouped(size)} entries of ${safe(origin)} in ${safe(directory)}`);
  const since = from === 0 ? '' : `, from entry ${grouped(from)} on`;
  await stdout.line(`${grouped(written)} files written, ${grouped(kept)} were there already${since}`);
  if (pruned !== undefined) await stdout.line(`${grouped(pruned)} old partial tiles taken away`);
  await stdout.line(`readers of this directory verify with ${safe(vkey)}`);
}

async function putEach(publisher: Publisher, files: AsyncIterable<PublishedFile>): Promise<void> {
  let waiting: PublishedFile[] = [];
  for await (const file of files) {
    waiting.push(file);
    if (waiting.length < LIMITS.publishedAtOnce) continue;
    await publisher.put(waiting);
    waiting = [];
  }
  await publisher.put(waiting);
}

/** Everything but the checkpoint first, durable under its names; then the checkpoint. */
async function putAll(
  publisher: Publisher,
  files: AsyncIterable<PublishedFile>,
  notes: readonly PublishedFile[],
  onEntries: (entries: number) => void,
): Promise<void> {
  let entries = 0;
  let waiting: PublishedFile[] = [...notes];
  for await (const file of files) {
    if (file.path === 'checkpoint') {
      await publisher.put(waiting);
      await publisher.sync();
      waiting = [];
    }
    waiting.push(file);
    if (file.path.startsWith('tile/entries/')) entries += TILE_WIDTH;
    if (waiting.length >= LIMITS.publishedAtOnce) {
      await publisher.put(waiting);
      waiting = [];
      onEntries(entries);
    }
  }
  await publisher.put(waiting);
  await publisher.sync();
}

/**
 * The tree at the last full bundle of what was published, out of the published tiles. `undefined`, with a warning, when
 * these do not lead to the root that the log has there, or a file before that place is gone: then everything is looked at
 * again, and what is not there is written.
 */
async function publishedState(
  context: Context,
  directory: string,
  reader: LogReader,
  published: Checkpoint | undefined,
  checkpoint: Checkpoint,
): Promise<TreeState | undefined> {
  const size = (published?.size ?? 0) - ((published?.size ?? 0) % TILE_WIDTH);
  if (size === 0) return undefined;
  let fault = 'they do not lead to the root of this log';
  try {
    const state = await loadTreeState(size, new Uint8Array(0), (level, index, width) =>
      readPublished(directory, tilePath({ level, index, width })),
    );
    const root = await treeRoot(size, hashesOf(reader, checkpoint.size));
    if (equalBytes(createTree(state).root(), root)) {
      const found = await publishedFault(directory, reader, size);
      if (found === undefined) return state;
      fault = found;
    }
  } catch (error) {
    if (!isTallyError(error) || error.code !== 'LOG_DAMAGED') throw error;
    fault = error.message;
  }
  context.warn(
    `published tiles in ${directory} are damaged or gone (${fault}): all of it is looked at again, and what is missing is written`,
  );
  return undefined;
}

/** Rotation notes under the checkpoint, and the list of them. They are for ever: another one under the same name is refused. */
async function notesOf(
  directory: string,
  reader: LogReader,
  checkpoint: VerifiedCheckpoint,
): Promise<PublishedFile[]> {
  const notes = (await readRotations(reader.objects)).filter(({ size }) => size <= checkpoint.size);
  if (notes.length === 0) return [];
  for (const note of notes) await keepNote(directory, note);
  return [
    ...notes.map(({ size, note }) => ({ path: rotationName(size), bytes: note })),
    { path: NOTE_SIZES, bytes: encodeNoteSizes(notes.map(({ size }) => size)) },
  ];
}

async function keepNote(directory: string, { size, note }: RotationNote): Promise<void> {
  const published = await readPublished(directory, rotationName(size));
  if (published === undefined || equalBytes(published, note)) return;
  throw new TallyError('LOG_ROLLED_BACK', `another ${rotationName(size)} was published there`, {
    hint: 'keep both directories as evidence, and run `tally verify`: a rotation note never changes',
  });
}

/**
 * What was published is a promise to its readers: the same log, and never less of it. Publishing a fork over it would
 * be the very thing that publishing is there to show.
 */
async function keepPromise(
  directory: string,
  reader: LogReader,
  checkpoint: Checkpoint,
): Promise<Checkpoint | undefined> {
  const found = await readPublished(directory, 'checkpoint');
  if (found === undefined) return undefined;
  const published = parsePublished(found);
  if (published?.origin !== checkpoint.origin) {
    throw new TallyError('USAGE', `the directory holds another log: ${published?.origin ?? 'unreadable'}`, {
      hint: 'give each log a directory of its own',
    });
  }
  if (published.size > checkpoint.size) {
    throw new TallyError(
      'LOG_ROLLED_BACK',
      `${published.size} entries were published there, and this log has signed ${checkpoint.size}`,
      {
        hint: 'run `tally verify --head` with the published checkpoint; the log was rolled back, or this is a copy',
      },
    );
  }
  const root =
    published.size === 0 ? emptyRoot() : await treeRoot(published.size, hashesOf(reader, checkpoint.size));
  if (!equalBytes(root, published.root)) {
    throw new TallyError('LOG_ROLLED_BACK', 'what was published there is not the beginning of this log', {
      hint: 'run `tally verify --head` with the published checkpoint, and keep both directories as evidence',
    });
  }
  return published;
}

function parsePublished(note: Uint8Array): Checkpoint | undefined {
  try {
    return parseCheckpoint(parseNote(note).text);
  } catch (error) {
    // The caller says that it cannot be read.
    if (isTallyError(error)) return undefined;
    throw error;
  }
}
