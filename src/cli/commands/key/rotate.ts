import { Command } from 'commander';
import { witnessKeys } from '../../../anchor/setting.ts';
import { isTallyError, TallyError } from '../../../core/error.ts';
import { cosignatureVerifier } from '../../../core/tlog/cosignature.ts';
import type { OpResults } from '../../../recorder/ops.ts';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { unlockIfAsked } from '../../operator/prompt.ts';
import { grouped } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';
import { anchorRequest } from '../../verify-anchors.ts';

interface RotateOptions {
  readonly reason?: string;
  readonly json?: boolean;
}

export function buildRotate(context: Context): Command {
  const command = new Command('rotate')
    .summary('let another key sign from now on, and erase the old one')
    .description(
      'Makes a new signing key, binds it to the log by an entry and a note that both keys sign, and overwrites the old private key. Whoever takes this machine afterwards cannot sign another past. Readers of the whole log, or of what `tally log publish` wrote, go on with its first key: the notes lead from there to the newest. A proof file holds no notes: it needs the key that signed it. Witnesses have to be told of the new key.',
    )
    .option('--reason <text>', 'why, for whoever reads the log later')
    .option('--json', 'one JSON document');
  return examples(command, [
    ['tally key rotate --reason "yearly"', 'also while the recorder runs'],
    ['tally key list', 'every key of this log, and whether each rotation checks out'],
  ]).action((options: RotateOptions) => rotate(context, options));
}

async function rotate(context: Context, { reason, json }: RotateOptions): Promise<void> {
  await unlockIfAsked(context);
  const session = await context.openSession();
  let done: OpResults['key.rotate'];
  try {
    done = await session.ask('key.rotate', reason === undefined ? {} : { reason });
  } catch (error) {
    // Not asked again by itself: it may have been done.
    if (!isTallyError(error) || error.code !== 'RECORDER_UNAVAILABLE') throw error;
    throw new TallyError('RECORDER_UNAVAILABLE', `${error.message}; the key may have been rotated or not`, {
      hint: 'tally key list shows which key signs now',
      cause: error,
    });
  } finally {
    await session.close();
  }
  const { stdout } = context;
  if (done.not_erased !== undefined) {
    context.warn(
      `the old private key is still on the disk: ${done.not_erased}. The next start of the recorder tries again; tally doctor tells of it`,
    );
  }
  if (json === true) return stdout.line(toJson(done));
  await stdout.line(`rotated at entry ${grouped(done.index)} (${done.id})`);
  // On lines of their own: a key is there to be copied.
  await stdout.line(stdout.style.dim('signed until now:'));
  await stdout.line(safe(done.old));
  await stdout.line(stdout.style.dim('signs from now on:'));
  await stdout.line(safe(done.new));
  const { dim } = context.stderr.style;
  await context.stderr.line(
    dim(
      `Readers of the whole log, or of what tally log publish wrote, go on with its first key: keys/${done.size}.note and those before it lead to this one.`,
    ),
  );
  await context.stderr.line(
    dim(`Proof files made from now on need the new key: tally verify FILE --key ${safe(done.new)}`),
  );
  for (const witness of witnessNames(context))
    await context.stderr.line(`on the witness ${safe(witness)}: tally witness trust ${safe(done.new)}`);
}

/** Each goes by the keys that it was given: without the new one it cosigns nothing any more. */
function witnessNames(context: Context): readonly string[] {
  const { settings, problem } = anchorRequest(context);
  if (problem !== undefined)
    context.warn(
      `which witnesses have to trust the new key is not known, the configuration cannot be read: ${problem}`,
    );
  return witnessKeys(settings.anchors).map((vkey) => cosignatureVerifier(vkey).name);
}
