/**
 * What a person is told of the calls of a run: where they went, what was stopped and the command that allows it, which
 * hosts the program could not reach for want of trust, and what nobody can see.
 */
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import type { RunCounts, Tally } from './count.ts';

/** Shown of a kind; the number of the others is told. */
const MOST_SHOWN = 8;

export async function tellCalls({ stderr, paths }: Context, counts: RunCounts): Promise<void> {
  const { dim, yellow, cyan } = stderr.style;
  const { hosts, blocked, otherwise, failures, untrusted, unnamed, emptyPolicy } = counts;
  if (hosts.length > 1) {
    const named = hosts.slice(0, MOST_SHOWN).map(({ name, count }) => `${safe(name)} ${count}`);
    await stderr.say(`tally: ${named.join(', ')}${more(hosts)}`, dim);
  }
  if (blocked.length > 0) {
    const what = blocked.length === 1 ? 'a host' : 'hosts';
    const why = emptyPolicy
      ? `the policy allows no host yet (${paths.policyFile}). What this program may call is yours to say:`
      : `the policy does not name ${blocked.length === 1 ? 'it' : 'them'}. If this is meant:`;
    await stderr.say(`${yellow('tally:')} stopped: calls to ${what}, because ${why}`);
    // Not wrapped: they are for copying.
    for (const { name, count } of blocked.slice(0, MOST_SHOWN))
      await stderr.line(`  ${cyan(safe(name))}${count === 1 ? '' : dim(`   # ${counted(count, 'call')}`)}`);
    if (blocked.length > MOST_SHOWN)
      await stderr.say(
        `  and ${blocked.length - MOST_SHOWN} more: tally log list --blocked --since today`,
        dim,
      );
  }
  if (failures.length > 0) {
    const named = failures.slice(0, MOST_SHOWN).map(({ name, count }) => `${safe(name)} (${count})`);
    await stderr.say(`tally: failed: ${named.join(', ')}${more(failures)}`, dim);
  }
  for (const { name, count } of otherwise.slice(0, MOST_SHOWN))
    await stderr.say(`${yellow('tally:')} stopped: ${safe(name)} (${counted(count, 'call')})`);
  if (otherwise.length > MOST_SHOWN)
    await stderr.say(`  and ${otherwise.length - MOST_SHOWN} more: tally log list --blocked`, dim);
  for (const { name, count } of untrusted.slice(0, MOST_SHOWN))
    await stderr.say(
      `${yellow('tally:')} the program did not take the broker's certificate for ${safe(name)} (${counted(count, 'connection')}), so nothing was sent there. It does not read the usual settings, or pins certificates: point it to the file in $TALLY_CA_FILE, or have the host tunnelled (docs/run.md)`,
    );
  if (untrusted.length > MOST_SHOWN)
    await stderr.say(`  and ${untrusted.length - MOST_SHOWN} more hosts like that`, dim);
  if (unnamed > 0)
    await stderr.say(
      `tally: ${counted(unnamed, 'call')} of hosts beyond these are counted and in the log`,
      dim,
    );
}

function more(all: readonly Tally[]): string {
  return all.length > MOST_SHOWN ? ` and ${all.length - MOST_SHOWN} more` : '';
}

/** `proxied`: its environment sent it through the broker. */
export async function tellUnseen({ stderr }: Context, counts: RunCounts, proxied: boolean): Promise<void> {
  const { dim } = stderr.style;
  if (!proxied)
    return stderr.say(
      'tally: seen are calls through TALLY_PROXY_URL; a program that goes its own way is not seen',
      dim,
    );
  const nothing = counts.calls + counts.tunnels + counts.untrusted.length === 0;
  return stderr.say(
    nothing
      ? 'tally: no call came through the broker: it made none, or it ignores proxy settings, and then nothing of it is seen (docs/run.md)'
      : 'tally: seen is what went through the broker; what ignores proxy settings is not (docs/run.md)',
    dim,
  );
}
