/** A run that cannot be recorded, where the machine's configuration lets runs go on all the same. */
import { basename } from 'node:path';
import type { Context } from '../../context.ts';
import { safe } from '../../output/safe.ts';
import { goOn, ungovernedBroker } from '../../ungoverned.ts';
import { exitCodeOf, startChild } from './child.ts';
import { type Place, proxyVariables } from './environment.ts';
import { placeOf } from './program.ts';
import type { RunOptions } from './ran.ts';
import { trustFiles } from './trust.ts';

/** Without a broker its calls have nowhere to go: closed is closed for them. The port of "discard", which nobody serves. */
const NOWHERE = 'http://127.0.0.1:9';

/**
 * `cause`: why the run could not begin; nothing of it has run. Throws it, as what it means, unless this run goes on. A
 * run with secrets in its environment does not: those have a failure mode of their own.
 */
export async function runUngoverned(
  context: Context,
  command: string,
  args: readonly string[],
  options: RunOptions,
  cause: unknown,
): Promise<void> {
  if ('inject' in options && options.inject !== undefined) throw cause;
  const ungoverned = await goOn(context, 'run', cause, options.closed === true);
  const broker =
    ungoverned.calls === 'open' ? await ungovernedBroker(context, ungoverned.forCalls()) : undefined;
  try {
    ungoverned.note(`run ${basename(command)}`);
    const { TALLY_RUN_TOKEN: _token, TALLY_RUN_ID: _id, TALLY_PROXY_URL: _url, ...env } = context.env;
    const proxied = options.proxy === false ? {} : proxyVariables(env, await placeFor(context, broker?.url));
    const child = startChild(command, args, {
      env: {
        ...env,
        ...proxied,
        ...(broker === undefined ? {} : { TALLY_PROXY_URL: `${broker.url}/proxy` }),
      },
      onTerminal: context.stdin.isTTY === true,
    });
    const end = await child.ended;
    if (end.kind === 'unstartable') await context.stderr.line(`tally: ${safe(end.message)}`);
    context.exit(exitCodeOf(end));
  } finally {
    await broker?.close();
  }
}

/** A state directory that cannot be written may have no authority: then no call over TLS comes through, which is told. */
async function placeFor(context: Context, url: string | undefined): Promise<Place> {
  if (url === undefined) return placeOf(NOWHERE, undefined, undefined);
  try {
    return placeOf(url, undefined, await trustFiles(context));
  } catch (error) {
    context.warn(`calls over TLS will fail: ${error instanceof Error ? error.message : String(error)}`);
    return placeOf(url, undefined, undefined);
  }
}
