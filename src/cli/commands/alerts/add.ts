/** Where alerts go, added and removed: on record first, then in the file. */
import { SEVERITIES } from '../../../core/alert/rule.ts';
import { TallyError } from '../../../core/error.ts';
import { vaultOf } from '../../../open/vault.ts';
import { type DestinationSetting, placeOf, secretsOf } from '../../../sink/setting.ts';
import type { Context } from '../../context.ts';
import {
  addDestination,
  checkNewDestination,
  listDestinations,
  noSuchDestination,
  removeDestination,
} from '../../destinations-config.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { setUp } from '../../setup.ts';

export interface AddOptions {
  readonly urlSecret?: string;
  readonly secret?: string;
  readonly least?: string;
  /** commander: `--no-closes` makes it false. */
  readonly closes: boolean;
  readonly json?: boolean;
}

export async function add(
  context: Context,
  type: string,
  name: string,
  url: string | undefined,
  options: AddOptions,
): Promise<void> {
  setUp(context.paths);
  const destination = checkNewDestination(context.paths, settingOf(type, name, url, options));
  const place = placeOf(destination);
  await asOperator(context, async (ask) => {
    await ask('alert.change', { change: 'add', name, type, place });
    await addDestination(context.paths, destination);
  });
  if (options.json === true) await context.stdout.line(toJson({ added: { name, type, place } }));
  else await context.stdout.line(`added ${safe(name)} (${type}, ${safe(place)})`);
  for (const secret of missingSecrets(context, destination))
    context.warn(
      `the vault has no ${secret}: nothing is delivered there before: tally secrets set ${secret}`,
    );
  if (destination.type === 'webhook' && destination.secret === undefined)
    context.warn('without --secret NAME it is not signed: who receives it cannot tell who sent it');
  await context.stderr.line(context.stderr.style.dim(`Try it: tally alerts test ${safe(name)}`));
}

function settingOf(
  type: string,
  name: string,
  url: string | undefined,
  { urlSecret, secret, least, closes }: AddOptions,
): Record<string, unknown> {
  const usage = (what: string, hint: string): TallyError => new TallyError('USAGE', what, { hint });
  if (type !== 'webhook' && type !== 'slack')
    throw usage(`no kind of destination: ${type}`, 'there are: webhook, slack');
  if (type === 'slack' && url !== undefined)
    throw usage(
      'the URL of a Slack webhook is its secret, and does not belong on a command line',
      `tally secrets set SLACK_URL, then: tally alerts add slack ${name} --url-secret SLACK_URL (and make a new URL: this one stands in the history of your shell)`,
    );
  if (type === 'slack' && urlSecret === undefined)
    throw usage('--url-secret NAME is missing: the secret that holds the URL', 'tally secrets set SLACK_URL');
  if (type === 'slack' && secret !== undefined)
    throw usage(
      '--secret is not for a destination of type slack',
      'its URL is its secret: --url-secret NAME',
    );
  if (type === 'webhook' && (url === undefined) === (urlSecret === undefined))
    throw usage(
      'either a URL, or --url-secret NAME when the URL itself lets somebody in',
      `tally alerts add webhook ${name} https://alerts.example/tally --secret ALERT_SECRET`,
    );
  if (least !== undefined && !SEVERITIES.some((one) => one === least))
    throw usage(`no severity: ${least}`, `there are: ${SEVERITIES.join(', ')}`);
  return {
    name,
    type,
    ...(url === undefined ? {} : { url }),
    ...(urlSecret === undefined ? {} : { url_secret: urlSecret }),
    ...(secret === undefined ? {} : { secret }),
    ...(least === undefined ? {} : { least }),
    ...(closes ? {} : { closes }),
  };
}

function missingSecrets({ paths }: Context, destination: DestinationSetting): readonly string[] {
  const vault = vaultOf(paths);
  try {
    const held = new Set(vault.list());
    return secretsOf(destination).filter((name) => !held.has(name));
  } finally {
    vault.close();
  }
}

export async function remove(
  context: Context,
  name: string,
  { json }: { readonly json?: boolean },
): Promise<void> {
  const all = listDestinations(context.paths);
  const destination = all.find((one) => one.name === name);
  if (destination === undefined) throw noSuchDestination(name, all);
  const { type } = destination;
  const place = placeOf(destination);
  await asOperator(context, async (ask) => {
    await ask('alert.change', { change: 'remove', name, type, place });
    await removeDestination(context.paths, name);
  });
  if (json === true) return context.stdout.line(toJson({ removed: { name, type, place } }));
  await context.stdout.line(
    `removed ${safe(name)}; what waits for it is given up in an hour: tally alerts list --undelivered`,
  );
}
