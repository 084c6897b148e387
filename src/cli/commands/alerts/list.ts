import { alertObjects } from '../../../open/alerts/read.ts';
import { type Item, loadOutbox } from '../../../sink/outbox.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { safe, toJson } from '../../output/safe.ts';
import { layOut } from '../../output/table.ts';
import { formatRecent } from '../../output/time.ts';
import { wrap } from '../../output/width.ts';
import { type Alert, gatherAlerts, isOpen } from './gather.ts';

export interface ListOptions {
  readonly open?: boolean;
  readonly all?: boolean;
  readonly undelivered?: boolean;
  readonly json?: boolean;
  readonly utc?: boolean;
}

export async function list(context: Context, options: ListOptions): Promise<void> {
  if (options.undelivered === true) return undelivered(context, options);
  const every = await gatherAlerts(context);
  const open = every.filter(isOpen);
  const shown = options.all === true ? every : open;
  if (options.json === true)
    return context.stdout.line(toJson({ open: open.length, alerts: shown.map(asJson) }));
  if (shown.length === 0) {
    const closed = every.length - open.length;
    const past = closed === 0 ? '' : ` ${counted(closed, 'alert')} in the past: tally alerts list --all`;
    return context.stderr.line(`No alert is open.${past}`);
  }
  await print(context, shown, options);
  if (options.all !== true)
    await context.stderr.line(context.stderr.style.dim('Seen one? tally alerts ack ENTRY --reason "…"'));
}

function asJson({ closed, ...raised }: Alert): Readonly<Record<string, unknown>> {
  return {
    ...raised,
    open: isOpen({ ...raised, ...(closed === undefined ? {} : { closed }) }),
    ...(closed === undefined ? {} : { closed }),
  };
}

async function print(
  { stdout, now }: Context,
  alerts: readonly Alert[],
  { utc = false }: ListOptions,
): Promise<void> {
  const { style } = stdout;
  const paints = { info: style.bold, warning: style.yellow, critical: style.red };
  const rows = alerts.map((alert) => [
    { text: String(alert.index) },
    { text: formatRecent(alert.ts, now(), { utc }) },
    { text: alert.severity, paint: paints[alert.severity] },
    { text: safe(alert.rule) },
    { text: safe(alert.subject) },
    { text: stateOf(alert) },
  ]);
  const layout = layOut(
    [
      { header: 'ENTRY', align: 'right' },
      { header: 'TIME', optional: 1 },
      { header: 'SEVERITY' },
      { header: 'RULE', shrinkTo: 8 },
      { header: 'ABOUT', shrinkTo: 10, cut: 'middle', weight: 2 },
      { header: 'STATE', optional: 3 },
    ],
    rows,
    stdout.width,
  );
  await stdout.line(layout.header(style.dim));
  for (const [i, row] of rows.entries()) {
    await stdout.line(layout.row(row));
    const alert = alerts[i];
    if (alert === undefined) continue;
    const room = stdout.width === undefined ? undefined : Math.max(20, stdout.width - 2);
    for (const line of wrap(detailOf(alert), room)) await stdout.line(`  ${line}`);
  }
}

function stateOf({ closed, test }: Alert): string {
  if (test) return 'test';
  return closed === undefined ? 'open' : closed.why;
}

function detailOf({ message, evidence, closed }: Alert): string {
  const newest = evidence.at(-1);
  const show = newest === undefined ? '' : ` (tally log show ${newest})`;
  const reason = closed?.reason === undefined ? '' : ` – ${closed.by ?? 'somebody'}: ${closed.reason}`;
  return `${safe(message)}${show}${safe(reason)}`;
}

async function undelivered(
  { paths, stdout, stderr, now }: Context,
  { json, utc = false }: ListOptions,
): Promise<void> {
  const state = await loadOutbox(alertObjects(paths));
  const items = [
    ...(state?.dead ?? []).map((item) => ({ ...item, given_up: true })),
    ...(state?.waiting ?? []).map((item) => ({ ...item, given_up: false })),
  ].sort((a, b) => b.index - a.index);
  if (json === true) return stdout.line(toJson({ undelivered: items.map(itemJson) }));
  if (items.length === 0) return stderr.line('Every alert was delivered to where it goes.');
  const rows = items.map((item) => [
    { text: String(item.index) },
    { text: item.destination },
    { text: String(item.attempts) },
    {
      text: item.given_up
        ? 'given up'
        : `next try ${formatRecent(new Date(item.next).toISOString(), now(), { utc }).slice(0, 8)}`,
      paint: item.given_up ? stdout.style.red : stdout.style.yellow,
    },
    { text: safe(item.error ?? '') },
  ]);
  const layout = layOut(
    [
      { header: 'ENTRY', align: 'right' },
      { header: 'DESTINATION', shrinkTo: 8 },
      { header: 'TRIES', align: 'right', optional: 2 },
      { header: 'STATE', optional: 1, shrinkTo: 8 },
      { header: 'WHY', shrinkTo: 12 },
    ],
    rows,
    stdout.width,
  );
  await stdout.line(layout.header(stdout.style.dim));
  for (const row of rows) await stdout.line(layout.row(row));
  await stderr.line(stderr.style.dim('Try them again: tally alerts retry'));
}

function itemJson({
  since,
  next,
  ...item
}: Item & { readonly given_up: boolean }): Readonly<Record<string, unknown>> {
  return {
    ...item,
    since: new Date(since).toISOString(),
    ...(item.given_up ? {} : { next_try: new Date(next).toISOString() }),
  };
}
