import { Command } from 'commander';
import { decodeUtf8 } from '../../../core/bytes.ts';
import { TallyError } from '../../../core/error.ts';
import type { ObjectStore } from '../../../core/ports.ts';
import { verifierFromVkey } from '../../../core/tlog/key.ts';
import { makeHome } from '../../../home.ts';
import { operatorGate } from '../../../open/operator-gate.ts';
import type { Context } from '../../context.ts';
import { examples } from '../../help.ts';
import { safe, toJson } from '../../output/safe.ts';
import { OTHERS } from '../../remembered.ts';
import { readKey } from '../../verifying.ts';

interface PinOptions {
  readonly name?: string;
  readonly replace?: boolean;
  readonly json?: boolean;
}

export function buildPin(context: Context): Command {
  const command = new Command('pin')
    .summary('trust a key for the log of somebody else')
    .description(
      'Remembers the first key of another log, so that `tally verify` on a copy or on what its owner published needs no --key. Get the key from its owner, not from the place where the log lies.',
    )
    .argument('<vkey>', 'the key that its owner prints with `tally key list`, or a file that holds it')
    .option('--name <name>', "what to remember it under; the log's own name otherwise")
    .option('--replace', 'trust this key instead of another one that is trusted for the same log')
    .option('--json', 'one JSON document');
  return examples(command, [
    ['tally key pin "$VKEY"', 'once, with the key from its owner'],
    ['tally verify ./published', 'from then on'],
  ]).action((vkey: string, options: PinOptions) => pin(context, vkey, options));
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

async function pin(context: Context, given: string, options: PinOptions): Promise<void> {
  const { name: origin, vkey } = verifierFromVkey(await readKey(given));
  await requireOperator(context);
  const { heads } = await context.openReader();
  const name = options.name ?? origin.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  if (!NAME.test(name)) {
    throw new TallyError('USAGE', `${name} cannot be a name`, {
      hint: 'letters, digits and . _ - only, at most 128: tally key pin VKEY --name NAME',
    });
  }
  const trusted = await trustedFor(heads, origin);
  const same = trusted?.vkey === vkey;
  if (trusted !== undefined && !same) refuseOther(trusted, origin, vkey, options.replace === true);
  const file = trusted?.file ?? `${OTHERS}/${name}/vkey`;
  if (trusted === undefined && (await heads.get(file)) !== undefined) {
    throw new TallyError('USAGE', `another log is remembered under ${name}`, {
      hint: 'give this one another name: tally key pin VKEY --name NAME',
    });
  }
  if (!same) {
    await makeHome(context.paths);
    await heads.put(file, Buffer.from(`${vkey}\n`));
  }
  if (options.json === true)
    return context.stdout.line(
      toJson({ origin, vkey, file: `heads/${file}`, replaced: trusted !== undefined && !same }),
    );
  const before = same
    ? 'was trusted already'
    : trusted === undefined
      ? 'is trusted now'
      : 'is trusted instead';
  await context.stdout.line(`${safe(origin)}: this key ${before} (heads/${safe(file)})`);
}

interface Trusted {
  readonly file: string;
  readonly vkey: string;
}

async function trustedFor(heads: ObjectStore, origin: string): Promise<Trusted | undefined> {
  for (const file of await heads.list('')) {
    if (!file.endsWith('/vkey')) continue;
    const vkey = decodeUtf8((await heads.get(file)) ?? new Uint8Array(0))?.trim();
    if (vkey?.startsWith(`${origin}+`) === true) return { file, vkey };
  }
  return undefined;
}

const ROTATED =
  'After a rotation there is nothing to pin: whole logs and what was published are followed from the first key, and a proof file is checked with the key that signed it by tally verify FILE --key VKEY';

/** As ssh does for a host whose key changed: what happened, why it matters, how to go on if it is honest. */
function refuseOther({ file, vkey }: Trusted, origin: string, wanted: string, replace: boolean): void {
  const own = !file.startsWith(`${OTHERS}/`);
  if (replace && !own) return;
  throw new TallyError(
    'KEY_CONFLICT',
    `another key is trusted for ${origin} already (heads/${file}): ${vkey}. The given one is ${wanted}. Either this log's key was rotated, or somebody is passing off a log of their own as this one`,
    {
      hint: own
        ? `it is the first key of a log of this machine, which never changes. ${ROTATED}`
        : `ask its owner over another channel which it is. ${ROTATED}. If the log really was begun anew: tally key pin VKEY --replace`,
    },
  );
}

/** What this machine trusts is no business of an agent. */
async function requireOperator(context: Context): Promise<void> {
  const { run_token, detected, operator_token } = await context.client();
  const gate = operatorGate(context.paths);
  const locked =
    (await gate.isProtected()) && !(operator_token !== undefined && (await gate.check(operator_token)));
  if (run_token === undefined && detected === undefined && !locked) return;
  throw new TallyError('OPERATOR_REQUIRED', 'only the operator says which keys are trusted', {
    hint: 'run it yourself in a terminal outside of any agent; `tally operator unlock` first when a passphrase is set',
  });
}
