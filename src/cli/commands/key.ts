import { Command } from 'commander';
import { isTallyError } from '../../core/error.ts';
import { parseVkey } from '../../core/tlog/key.ts';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { safe, toJson } from '../output/safe.ts';
import { pinnedVkey } from '../remembered.ts';

interface ListOptions {
  readonly json?: boolean;
  readonly dir?: string;
}

export function build(context: Context): Command {
  const list = new Command('list')
    .summary('the keys of the log')
    .description('The public keys that verify this log. Give the vkey to whoever verifies it elsewhere.')
    .option('--json', 'one JSON document')
    .option('--dir <directory>', 'another log directory');
  examples(list, [
    ['tally key list', 'keys, and which one this machine remembers'],
    [`tally key list --json | jq -r '.keys[0].vkey'`, 'only the key, for tally verify --key'],
  ]).action((options: ListOptions) => listKeys(context, options));
  return new Command('key').description('The keys that sign this log.').addCommand(list);
}

async function listKeys(context: Context, options: ListOptions): Promise<void> {
  const current = options.dir === undefined;
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const info = await opened.logInfo();
  const pinned = await pinnedVkey(opened, { current }, info.origin);
  const keys = info.keys.map(({ vkey, from }, i) => ({
    vkey,
    key_id: keyIdOf(vkey),
    from,
    /** Signs new checkpoints. */
    current: i === info.keys.length - 1,
    /** Remembered outside of the log when it was made. */
    pinned: vkey === pinned,
  }));
  const { stdout, stderr } = context;
  if (options.json === true) {
    return stdout.line(toJson({ origin: info.origin, pinned: pinned ?? null, keys }));
  }
  for (const key of keys) {
    const states = [
      key.current ? 'signs now' : 'signed earlier',
      ...(key.pinned ? ['remembered on this machine'] : []),
    ];
    // On a line of its own: a key is there to be copied.
    await stdout.line(safe(key.vkey));
    await stdout.line(stdout.style.dim(`  ${states.join(', ')}, from entry ${key.from}`));
  }
  if (pinned === undefined)
    context.warn('no key is remembered for this log: what it says of itself proves nothing');
  else if (!keys.some((key) => key.pinned)) {
    await stderr.line(
      `${stderr.style.red('damaged:')} log.json does not name the key that was remembered: ${safe(pinned)}`,
    );
  }
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
