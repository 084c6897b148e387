import { resolve } from 'node:path';
import { Command } from 'commander';
import { equalBytes } from '../../../core/bytes.ts';
import { isTallyError, TallyError } from '../../../core/error.ts';
import type { LogReader } from '../../../core/ports.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../../../core/tlog/checkpoint.ts';
import { parseNote } from '../../../core/tlog/note.ts';
import { treeRoot } from '../../../core/tlog/proof.ts';
import { publishTree } from '../../../core/tlog/publish.ts';
import { emptyRoot } from '../../../core/tlog/tree.ts';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { createProgress, grouped } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';
import { hashesOf, trustedKey } from '../../prove.ts';
import { readPublished, writePublished } from '../../published.ts';

interface PublishOptions {
  readonly dir?: string;
  readonly json?: boolean;
}

export function buildPublish(context: Context): Command {
  const command = new Command('publish')
    .summary('write the log as static files that any C2SP tlog-tiles client can verify')
    .description(
      'Writes the newest signed checkpoint with its hash tiles and entry bundles (C2SP tlog-tiles) into a directory. The tree is recomputed from the entries first; the checkpoint comes last. Can be repeated: only new files are written. The entries are in it: publish it where their readers may read.',
    )
    .argument('<directory>', 'where to write; made when it is not there')
    .option('--dir <directory>', 'another log directory')
    .option('--json', 'one JSON document');
  return examples(command, [
    ['tally log publish /srv/www/log', 'serve that directory with any web server'],
    ['tally key list', 'the key that its readers need'],
  ]).action((directory: string, options: PublishOptions) => publish(context, directory, options));
}

async function publish(context: Context, target: string, options: PublishOptions): Promise<void> {
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const { verifier } = await trustedKey(opened, { current: options.dir === undefined, given: undefined });
  const note = await opened.reader.objects.get('checkpoint');
  if (note === undefined) {
    throw new TallyError('NOT_FOUND', 'this log has no signed checkpoint yet', {
      hint: 'record something first; a checkpoint is signed within 200 ms',
    });
  }
  const checkpoint = openCheckpoint(note, [verifier]);
  const directory = resolve(target);
  await keepPromise(await readPublished(directory, 'checkpoint'), opened.reader, checkpoint);
  const progress = createProgress(context.stderr, 'publishing', 'entries');
  let written = 0;
  let kept = 0;
  let bundled = 0;
  try {
    for await (const { path, bytes } of publishTree({
      note,
      checkpoint,
      blocks: () => allBlocks(opened.reader),
    })) {
      // What a path names never changes, except for the checkpoint: a file that differs was damaged, and is mended.
      if (await writePublished(directory, path, bytes)) written++;
      else kept++;
      if (path.startsWith('tile/entries/')) bundled += ENTRIES_A_BUNDLE;
      progress.update(Math.min(bundled, checkpoint.size), checkpoint.size);
    }
  } finally {
    progress.end();
  }
  const { stdout } = context;
  const result = {
    directory,
    origin: checkpoint.origin,
    size: checkpoint.size,
    written,
    kept,
    vkey: verifier.vkey,
  };
  if (options.json === true) return stdout.line(toJson(result));
  await stdout.line(
    `published ${grouped(checkpoint.size)} entries of ${safe(checkpoint.origin)} in ${safe(directory)}`,
  );
  await stdout.line(`${grouped(written)} files written, ${grouped(kept)} were there already`);
  await stdout.line(`readers verify with ${safe(verifier.vkey)}`);
}

const ENTRIES_A_BUNDLE = 256;

async function* allBlocks(reader: LogReader): AsyncGenerator<Uint8Array> {
  for (const { first } of await reader.segments()) yield* reader.read(first);
}

/**
 * What was published is a promise to its readers: the same log, and never less of it. Publishing a fork over it would
 * be the very thing that publishing is there to show.
 */
async function keepPromise(
  found: Uint8Array | undefined,
  reader: LogReader,
  checkpoint: Checkpoint,
): Promise<void> {
  if (found === undefined) return;
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
