import { isIP } from 'node:net';
import { join } from 'node:path';
import { isTallyError } from '../../../core/error.ts';
import { trustedLogs, trustLog } from '../../../server/witness/logs.ts';
import { serveWitness, type WitnessServer } from '../../../server/witness/serve.ts';
import { createWitness, type WitnessEvent } from '../../../server/witness/witness.ts';
import type { Context } from '../../context.ts';
import { counted, factLines } from '../../facts.ts';
import { safe, toJsonLine } from '../../output/safe.ts';
import { lockWitness, type WitnessHome, witnessHome, witnessKey } from './home.ts';

export interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly dir?: string;
  readonly log?: readonly string[];
  readonly name?: string;
  readonly json?: boolean;
}

export async function serve(context: Context, options: ServeOptions): Promise<void> {
  const stop = context.interrupted();
  const home = await witnessHome(context, options.dir);
  const lock = lockWitness(home);
  try {
    const cosigner = await witnessKey(home, options.name);
    for (const vkey of options.log ?? []) await trustLog(home.files, vkey);
    const tell = teller(context, home);
    const server = await serveWitness({
      witness: createWitness({ files: home.files, cosigner, now: context.now, onEvent: tell }),
      host: options.host,
      port: options.port,
      onError: once((why) => context.warn(`a request failed: ${why} (told once)`)),
    });
    try {
      await announce(context, home, server, cosigner.vkey, options);
      if (!stop.aborted)
        await new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
    } finally {
      await server.close();
    }
  } finally {
    lock.release();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same failure is told once: whoever asks in a loop must not fill the screen. */
function once(tell: (why: string) => void): (error: unknown) => void {
  const told = new Set<string>();
  return (error) => {
    const why = describe(error);
    if (told.has(why)) return;
    told.add(why);
    tell(why);
  };
}

/** Each kind of trouble with a log once: a stranger can bring about the same request again and again. */
function teller(context: Context, { directory }: WitnessHome): (event: WitnessEvent) => void {
  const told = new Set<string>();
  return (event) => {
    const line =
      event.kind === 'fork'
        ? `FORK: ${event.origin} signed two different trees of ${event.size} entries; the second one is kept in ${join(directory, event.file)}`
        : `${describe(event.error)}${isTallyError(event.error) && event.error.hint !== undefined ? ` (${event.error.hint})` : ''}`;
    const key = `${event.kind} ${event.origin}`;
    if (told.has(key)) return;
    told.add(key);
    context.warn(line);
  };
}

/** Printed when it answers: whoever waits for this line need not try. */
async function announce(
  { stdout, stderr }: Context,
  { directory, files }: WitnessHome,
  { url }: WitnessServer,
  vkey: string,
  { host, json }: ServeOptions,
): Promise<void> {
  const logs = await trustedLogs(files);
  if (json === true) {
    const ready = { url, vkey, directory, logs: logs.map(({ origin }) => origin), pid: process.pid };
    return stdout.line(toJsonLine(ready));
  }
  const { bold, green } = stdout.style;
  await stdout.line(`${bold('tally witness')} ${green('is cosigning')}`);
  const facts = factLines(
    [
      ['address', bold(url)],
      ['key', safe(vkey)],
      ['directory', directory],
      ['logs', logs.length === 0 ? 'none yet: tally witness trust VKEY' : counted(logs.length, 'log')],
      ['there', `tally witness add ${url} '${safe(vkey)}'`],
    ],
    stdout,
  );
  for (const line of facts) await stdout.line(line);
  const open = isIP(host) === 0 ? host !== 'localhost' : !/^127\.|^::1$/.test(host);
  if (open)
    await stderr.line(
      stderr.style.dim(
        'note: other machines can reach it; it speaks plain HTTP, so put a TLS proxy in front of it',
      ),
    );
}
