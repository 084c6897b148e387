/** How alerts stand: asked of a running recorder, otherwise read from the files beside the log. */
import { SEVERITIES, type Severity } from '../../../core/alert/rule.ts';
import type { AlertState } from '../../../core/alert/state.ts';
import { LIMITS } from '../../../core/limits.ts';
import { alertObjects, openAlerts } from '../../../open/alerts/read.ts';
import { loadConfig } from '../../../open/config.ts';
import { loadOutbox } from '../../../sink/outbox.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';

/** undefined when no recorder runs and none has looked for alerts yet. */
export async function alertStatus(
  context: Context,
  running: AlertState | undefined,
): Promise<AlertState | undefined> {
  if (running !== undefined) return running;
  const { paths } = context;
  const open = await openAlerts(paths, { onlyKnown: true });
  if (open === undefined) return undefined;
  const outbox = await loadOutbox(alertObjects(paths));
  const configured = loadConfig(paths.configFile).alerts?.destinations ?? [];
  const at = (items: readonly { readonly destination: string }[] | undefined, name: string): number =>
    (items ?? []).filter(({ destination }) => destination === name).length;
  return {
    watching: false,
    behind: 0,
    open: open.length,
    newest: open
      .toSorted((a, b) => rank(b.severity) - rank(a.severity) || b.index - a.index)
      .slice(0, LIMITS.openAlertsTold)
      .map(({ id, index, rule, severity, subject, message, at: when }) => ({
        id,
        index,
        rule,
        severity,
        subject,
        message,
        at: when,
      })),
    destinations: configured.map(({ name, type }) => ({
      name,
      type,
      waiting: at(outbox?.waiting, name),
      undelivered: at(outbox?.dead, name),
    })),
  };
}

const rank = (severity: Severity): number => SEVERITIES.indexOf(severity);

/** One line: how many are open, and the worst of them. */
export function alertText({ open, newest, watching, behind }: AlertState, style: Style): string {
  const lag = behind > LAG_TOLD ? `, ${counted(behind, 'entry', 'entries')} not looked at yet` : '';
  const watched = watching ? lag : style.dim(' (nothing looks for them while `tally up` does not run)');
  const [worst] = newest;
  if (worst === undefined) return `none open${watched}`;
  const paint = worst.severity === 'critical' ? style.red : style.yellow;
  return `${paint(`${open.toLocaleString('en-US')} open`)}: ${safe(worst.rule)}, ${safe(worst.subject)}${open > 1 ? ' …' : ''} (tally alerts list)${watched}`;
}

/** What the rules see a moment later than it is durable is no news. */
const LAG_TOLD = 10_000;

/** What did not arrive, in one line; undefined when all did. */
export function undeliveredText({ destinations }: AlertState): string | undefined {
  const told = destinations.flatMap(({ name, waiting, undelivered, failing }) => {
    if (undelivered > 0) return [`${name}: ${undelivered} given up`];
    if (failing !== undefined) return [`${name} fails: ${safe(failing.message)}`];
    return waiting > 1 ? [`${name}: ${waiting} wait`] : [];
  });
  return told.length === 0 ? undefined : `${told.join('; ')} (tally alerts list --undelivered)`;
}
