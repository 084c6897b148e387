/** Alerts: an alert that reaches nobody is none. */

import { DEFAULT_RULES } from '../../../core/alert/defaults.ts';
import { isTallyError } from '../../../core/error.ts';
import { compilePolicy } from '../../../core/policy/load.ts';
import { loadConfig } from '../../../open/config.ts';
import { vaultOf } from '../../../open/vault.ts';
import { TENANT } from '../../../paths.ts';
import type { OpResults } from '../../../recorder/ops.ts';
import { secretsOf } from '../../../sink/setting.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { readPolicyText } from '../policy/file.ts';
import { alertStatus, undeliveredText } from '../status/alerts.ts';
import { type Check, ok, skip, warn } from './check.ts';

const NAME = 'alerts';

export async function checkAlerts(
  context: Context,
  running: OpResults['status'] | undefined,
): Promise<Check> {
  try {
    const { enabled, destinations } = loadConfig(context.paths.configFile).alerts ?? {
      enabled: true,
      destinations: [],
    };
    if (!enabled) return skip(NAME, 'switched off in config.yaml (alerts: { enabled: false })');
    const missing = missingSecrets(context, destinations.flatMap(secretsOf));
    const [first] = missing;
    if (first !== undefined)
      return warn(
        NAME,
        `the vault has no ${missing.join(', ')}: nothing is delivered there`,
        `tally secrets set ${first}`,
      );
    const known = new Set(destinations.map(({ name }) => name));
    const unknown = (await namedByRules(context)).filter((name) => !known.has(name));
    if (unknown.length > 0)
      return warn(
        NAME,
        `rules name destinations that config.yaml does not have: ${unknown.join(', ')}`,
        'tally policy check; docs/alerts.md',
      );
    const state = await alertStatus(context, running?.alerts);
    if (state === undefined) return skip(NAME, 'nothing has looked for them in this log yet (tally up)');
    const undelivered = undeliveredText(state);
    if (undelivered !== undefined) return warn(NAME, undelivered, 'tally alerts retry');
    if (state.open > 0)
      return warn(NAME, `${counted(state.open, 'alert is', 'alerts are')} open`, 'tally alerts list');
    const where =
      destinations.length === 0
        ? 'told on the standard error of `tally up` only'
        : `delivered to ${destinations.map(({ name }) => name).join(', ')}`;
    return ok(NAME, `none open; ${where}`);
  } catch (error) {
    // A policy with several problems tells each on a line of its own.
    if (isTallyError(error)) return skip(NAME, `nobody can tell: ${error.message.replaceAll('\n', '; ')}`);
    throw error;
  }
}

function missingSecrets({ paths }: Context, wanted: readonly string[]): readonly string[] {
  if (wanted.length === 0) return [];
  const vault = vaultOf(paths);
  try {
    const held = new Set(vault.list());
    return [...new Set(wanted)].filter((name) => !held.has(name));
  } finally {
    vault.close();
  }
}

async function namedByRules(context: Context): Promise<readonly string[]> {
  const text = await readPolicyText(context, context.paths.policyFile);
  const rules = compilePolicy(text, { id: TENANT }).compiled.alerts?.rules ?? DEFAULT_RULES;
  return [...new Set(rules.flatMap(({ destinations = [] }) => destinations))];
}
