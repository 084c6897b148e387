import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { equalBytes } from '../../../core/bytes.ts';
import { TallyError } from '../../../core/error.ts';
import type { LogReader } from '../../../core/ports.ts';
import { openCheckpoint } from '../../../core/tlog/checkpoint.ts';
import { publishTree } from '../../../core/tlog/publish.ts';
import { fileObjects } from '../../../store/file/objects.ts';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { createProgress, grouped } from '../../output/progress.ts';
import { toJson } from '../../output/safe.ts';
import { trustedKey } from '../../prove.ts';

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
  await refuseForeign(directory, checkpoint.origin, options);
  await mkdir(directory, { recursive: true });
  const objects = fileObjects(directory);
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
      const stored = await objects.get(path);
      if (stored !== undefined && equalBytes(stored, bytes)) kept++;
      else {
        await objects.put(path, bytes, { durable: path === 'checkpoint' });
        written++;
      }
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
  await stdout.line(`published ${grouped(checkpoint.size)} entries of ${checkpoint.origin} in ${directory}`);
  await stdout.line(`${grouped(written)} files written, ${grouped(kept)} were there already`);
  await stdout.line(`readers verify with ${verifier.vkey}`);
}

const ENTRIES_A_BUNDLE = 256;

async function* allBlocks(reader: LogReader): AsyncGenerator<Uint8Array> {
  for (const { first } of await reader.segments()) yield* reader.read(first);
}

/** Files of two logs in one directory would fit neither checkpoint; an older state must not replace a newer one. */
async function refuseForeign(directory: string, origin: string, _options: PublishOptions): Promise<void> {
  const found = await fileObjects(directory).get('checkpoint');
  if (found === undefined) return;
  const [first] = Buffer.from(found).toString('utf8').split('\n');
  if (first === origin) return;
  throw new TallyError('USAGE', `${directory} holds another log: ${first ?? ''}`, {
    hint: 'give a directory of its own to each log',
  });
}
