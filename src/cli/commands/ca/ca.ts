/** `tally ca show|path|renew`. The private key is in none of their outputs. */
import { type Authority, ensureCa, readCa, renewCa } from '../../../capture/ca/authority.ts';
import { caBundle } from '../../../capture/ca/bundle.ts';
import { caPaths } from '../../../capture/ca/files.ts';
import { isTallyError } from '../../../core/error.ts';
import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';

interface Told {
  readonly name: string;
  readonly sha256: string;
  readonly not_before: string;
  readonly not_after: string;
  readonly path: string;
}

function toldOf(context: Context, authority: Authority): Told {
  return {
    name: authority.name,
    sha256: authority.fingerprint,
    not_before: new Date(authority.from).toISOString(),
    not_after: new Date(authority.until).toISOString(),
    path: caPaths(context.paths).certificate,
  };
}

/** Whole on one line where there is room, in four otherwise. */
const fingerprint = (hex: string): readonly string[] => hex.match(/.{16}/g) ?? [hex];

async function print({ stdout }: Context, told: Told): Promise<void> {
  const { dim, bold } = stdout.style;
  await stdout.line(bold(safe(told.name)));
  await stdout.line(`${dim('sha256')}  ${fingerprint(told.sha256).join(' ')}`);
  await stdout.line(`${dim('until')}   ${told.not_after.slice(0, 10)}`);
  await stdout.line(`${dim('file')}    ${safe(told.path)}`);
}

/** Programs differ in where they look; those of `tally run` are told all of it. */
const INTRO =
  'Programs of tally run trust it by themselves. Others that use the broker as their proxy have to be told:';
const WAYS = [
  'curl    --cacert FILE',
  'Python  SSL_CERT_FILE=BUNDLE REQUESTS_CA_BUNDLE=BUNDLE',
  'Node    NODE_EXTRA_CA_CERTS=FILE',
  'git     GIT_SSL_CAINFO=BUNDLE',
];
const OUTRO = [
  'FILE is what tally ca path prints, BUNDLE what tally ca path --bundle prints.',
  'Do not install it for the whole system: whoever gets its key could then pass for any site towards every program of this machine.',
];

export async function show(context: Context, { json }: { readonly json?: boolean }): Promise<void> {
  const told = toldOf(context, await ensureCa(context.paths, context.now));
  if (json === true) return context.stdout.line(toJson(told));
  await print(context, told);
  const { stdout } = context;
  await stdout.line('');
  await stdout.say(INTRO);
  for (const way of WAYS) await stdout.line(`  ${way}`);
  for (const text of OUTRO) await stdout.say(text);
}

export async function path(
  context: Context,
  { bundle, json }: { readonly bundle?: boolean; readonly json?: boolean },
): Promise<void> {
  const authority = await ensureCa(context.paths, context.now);
  const file = bundle === true ? caBundle(context.paths, authority) : caPaths(context.paths).certificate;
  await context.stdout.line(json === true ? toJson({ path: file }) : file);
}

/** Of a file that cannot be used nothing is known; that is why it is made anew. */
function fingerprintNow(context: Context): string | undefined {
  try {
    return readCa(context.paths)?.fingerprint;
  } catch (error) {
    if (!isTallyError(error)) throw error;
    context.warn(error.message);
    return undefined;
  }
}

export async function renew(
  context: Context,
  { reason, json }: { readonly reason?: string; readonly json?: boolean },
): Promise<void> {
  const was = fingerprintNow(context);
  const { id } = await asOperator(context, (ask) =>
    ask('ca.change', {
      ...(was === undefined ? {} : { was }),
      ...(reason === undefined ? {} : { reason }),
    }),
  );
  const authority = await renewCa(context.paths, context.now);
  caBundle(context.paths, authority);
  const told = toldOf(context, authority);
  if (json === true)
    return context.stdout.line(toJson({ ...told, ...(was === undefined ? {} : { was }), entry: id }));
  await print(context, told);
  await context.stderr.say(
    'Brokers that run use it from their next connection on. Programs that run now trust the old one: start them again.',
  );
}
