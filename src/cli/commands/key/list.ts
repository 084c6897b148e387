import { Command } from 'commander';
import { isTallyError } from '../../../core/error.ts';
import { parseVkey } from '../../../core/tlog/key.ts';
import { contradictedKeys, type KeyHistory, type KeySpan } from '../../../core/tlog/key-history.ts';
import { verifyLog } from '../../../core/tlog/verify.ts';
import type { OpenedReader } from '../../../reader.ts';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { walkLog } from '../../key-walk.ts';
import { publishedDirectory } from '../../log-source.ts';
import { grouped } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';
import { pinnedVkey, rememberedRotations } from '../../remembered.ts';

interface ListOptions {
  readonly json?: boolean;
  readonly dir?: string;
}

export function buildList(context: Context): Command {
  const list = new Command('list')
    .summary('the keys of the log')
    .description(
      'The public keys that verify this log, in the order in which they signed. Each rotation is checked for this very call. Give the first vkey to whoever verifies the log elsewhere.',
    )
    .option('--json', 'one JSON document')
    .option('--dir <directory>', 'another log directory, or what `log publish` wrote');
  return examples(list, [
    ['tally key list', 'keys, and which one this machine remembers'],
    [`tally key list --json | jq -r '.keys[0].vkey'`, 'only the first key, for tally verify --key'],
  ]).action((options: ListOptions) => listKeys(context, options));
}

interface Listed {
  readonly vkey: string;
  readonly key_id: string | null;
  /** Entries at which it took over, and at which the next one did. */
  readonly from: number;
  readonly to?: number;
  /** Signs new checkpoints. */
  readonly current: boolean;
  /** Remembered outside of the log. */
  readonly pinned: boolean;
  /** How it came to be a key of this log: `checked` only if note and entry were checked for this call. */
  readonly by: 'checked' | 'log.json' | 'remembered';
}

interface Answer {
  readonly origin: string;
  readonly pinned: string | null;
  readonly keys: readonly Listed[];
  /** Why the history does not hold. */
  readonly problem?: string;
}

async function listKeys(context: Context, options: ListOptions): Promise<void> {
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const answer = await gather(opened, options.dir === undefined);
  const { stdout, stderr } = context;
  if (answer.problem !== undefined) context.exit(6);
  if (options.json === true) return stdout.line(toJson(answer));
  for (const key of answer.keys) {
    // On a line of its own: a key is there to be copied.
    await stdout.line(safe(key.vkey));
    await stdout.line(stdout.style.dim(`  ${states(key).join(', ')}`));
  }
  if (answer.problem !== undefined)
    await stderr.line(`${stderr.style.red('damaged:')} ${safe(answer.problem)}`);
  if (answer.pinned === null)
    context.warn('no key is remembered for this log: what it says of itself proves nothing');
}

function states({ current, from, to, pinned, by }: Listed): string[] {
  const until = to === undefined ? '' : ` until entry ${grouped(to)}`;
  return [
    current ? 'signs now' : 'signed earlier',
    `from entry ${grouped(from)}${until}`,
    ...(by === 'checked' && from > 0 ? ['its rotation checks out'] : []),
    ...(by === 'log.json' && !pinned ? ['by the word of log.json'] : []),
    ...(pinned ? ['remembered on this machine'] : []),
  ];
}

async function gather(opened: OpenedReader, current: boolean): Promise<Answer> {
  const published = current ? undefined : await publishedDirectory(opened.reader);
  if (published !== undefined) {
    const pinned = await pinnedVkey(opened, { current }, published.origin);
    const remembered = await rememberedRotations(opened, { current }, published.origin);
    // A copy that is older than a rotation has no note of it.
    const rotations = remembered.filter(({ size }) => size <= published.size);
    const trusted = pinned === undefined ? {} : { pinned: [pinned] };
    const { signatures, origin } = await verifyLog(published, { ...trusted, rotations });
    const walked = (signatures.keys ?? []).map(({ vkey, from, to }) => span(vkey, from, to));
    const only = pinned === undefined ? [] : [{ ...span(pinned, 0, undefined), by: 'remembered' as const }];
    const keys = walked.length > 0 ? walked : only;
    // Without rotations and without a trusted key nobody can tell: that shows nothing.
    const judged = signatures.keys !== undefined || pinned !== undefined;
    const failed = judged && signatures.status === 'fail';
    return answerOf(origin, pinned, keys, failed ? signatures.note : undefined);
  }
  const info = await opened.logInfo();
  const pinned = await pinnedVkey(opened, { current }, info.origin);
  const { spans, problem } = await walkLog(opened, { current }, info.origin);
  const walked = spans.map(({ verifier, from, to }: KeySpan) => span(verifier.vkey, from, to));
  const told = contradictedKeys(info.keys, walked);
  const listed = info.keys.map(({ vkey, from }, i) => ({
    ...span(vkey, from, info.keys[i + 1]?.from),
    by: 'log.json' as const,
  }));
  const keys = walked.length > 0 && problem === undefined ? walked : listed;
  return answerOf(info.origin, pinned, keys, problem ?? told);
}

type Span = Pick<Listed, 'vkey' | 'from' | 'to' | 'by'>;

function span(vkey: string, from: number, to: number | undefined): Span {
  return { vkey, from, ...(to === undefined ? {} : { to }), by: 'checked' };
}

function answerOf(
  origin: string,
  pinned: string | undefined,
  spans: readonly Span[],
  problem: KeyHistory['problem'],
): Answer {
  const keys = spans.map(({ vkey, ...about }, i) => ({
    vkey,
    key_id: keyIdOf(vkey),
    ...about,
    current: i === spans.length - 1,
    pinned: vkey === pinned,
  }));
  const stranger = pinned === undefined || keys.some((key) => key.pinned);
  const wrong = problem ?? (stranger ? undefined : `the key that is remembered is none of them: ${pinned}`);
  return { origin, pinned: pinned ?? null, keys, ...(wrong === undefined ? {} : { problem: wrong }) };
}

function keyIdOf(vkey: string): string | null {
  try {
    return parseVkey(vkey).keyId;
  } catch (error) {
    // log.json is not evidence, and may say anything.
    if (isTallyError(error)) return null;
    throw error;
  }
}
