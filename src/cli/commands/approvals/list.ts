import { TallyError } from '../../../core/error.ts';
import type { ListedApproval } from '../../../recorder/governance-ops.ts';
import type { Context } from '../../context.ts';
import { counted, type Fact, factLines } from '../../facts.ts';
import { safe, toJson } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { layOut } from '../../output/table.ts';
import { formatRecent, formatTime } from '../../output/time.ts';
import { wrap } from '../../output/width.ts';
import { approvals, idOf } from './find.ts';
import { shortId, whatIsAsked, whoAsks } from './words.ts';

export interface ListOptions {
  readonly all?: boolean;
  readonly json?: boolean;
  readonly utc?: boolean;
}

type Status = ListedApproval['status'];

const WORDS: Readonly<Record<Status, string>> = {
  pending: 'waits',
  granted: 'approved',
  denied: 'denied',
  expired: 'ran out',
  used: 'used',
};

const paintOf = (status: Status, style: Style) =>
  ({
    pending: style.yellow,
    granted: style.green,
    denied: style.red,
    expired: style.dim,
    used: style.green,
  })[status];

export async function list(context: Context, { all, json, utc = false }: ListOptions): Promise<void> {
  const { stdout, stderr, now } = context;
  const { approvals: found, more } = await approvals(context, all === true ? { all } : {});
  const waiting = found.filter(({ status }) => status === 'pending').length;
  if (json === true)
    return stdout.line(toJson({ waiting, approvals: found, ...(more === undefined ? {} : { more }) }));
  if (found.length === 0)
    return stderr.line(all === true ? 'Nobody has asked for an approval.' : 'Nothing waits for an approval.');
  const rows = found.map((one) => [
    { text: shortId(one.id) },
    { text: WORDS[one.status], paint: paintOf(one.status, stdout.style) },
    { text: safe(whoAsks(one)) },
    { text: safe(whatIsAsked(one)) },
    { text: until(one, now(), utc) },
  ]);
  const layout = layOut(
    [
      { header: 'ID' },
      // Of those that wait the state goes without saying; of all, when they ended does.
      { header: 'STATE', ...(all === true ? {} : { optional: 2 }) },
      { header: 'WHO', shrinkTo: 6, optional: 1 },
      { header: 'WHAT', shrinkTo: 12, cut: 'middle', weight: 2 },
      { header: 'UNTIL', ...(all === true ? { optional: 2 } : {}) },
    ],
    rows,
    stdout.width,
  );
  await stdout.line(layout.header(stdout.style.dim));
  for (const row of rows) await stdout.line(layout.row(row));
  if (more !== undefined) await stdout.line(`${counted(more, 'older one')} left out`);
  if (waiting > 0)
    await stderr.say('Look, then answer: tally approvals show ID, approve ID, deny ID', stderr.style.dim);
}

function until({ status, expires_at }: ListedApproval, nowMs: number, utc: boolean): string {
  if (status === 'pending' || status === 'granted') {
    const left = Math.max(0, Date.parse(expires_at) - nowMs);
    return left < 60_000 ? `${Math.ceil(left / 1000)} s left` : `${Math.ceil(left / 60_000)} min left`;
  }
  return formatRecent(expires_at, nowMs, { utc }).slice(0, 8);
}

export async function show(
  context: Context,
  named: string,
  { json, utc = false }: { readonly json?: boolean; readonly utc?: boolean },
): Promise<void> {
  const { stdout, stderr, now } = context;
  const id = await idOf(context, named);
  const [found] = (await approvals(context, { id })).approvals;
  if (found === undefined)
    throw new TallyError('NOT_FOUND', `nobody asked for an approval ${safe(named)}`, {
      hint: 'tally approvals list --all shows those that are known',
    });
  if (json === true) return stdout.line(toJson(found));
  const { width, style } = stdout;
  for (const line of wrap(`${safe(whoAsks(found))} asks for ${safe(whatIsAsked(found))}`, width))
    await stdout.line(style.bold(line));
  for (const line of factLines(facts(found, now(), utc, style), stdout))
    for (const part of wrap(line, width)) await stdout.line(part);
  await stdout.line('');
  for (const line of argumentLines(found, width)) await stdout.line(line);
  if (found.status === 'pending')
    await stderr.say(
      `Answer it: tally approvals approve ${shortId(id)}, or: tally approvals deny ${shortId(id)}`,
      stderr.style.dim,
    );
}

function facts(one: ListedApproval, nowMs: number, utc: boolean, style: Style): readonly Fact[] {
  const { status, approver, approved_at, rule, asked, message, credentials, run_id } = one;
  const by = approver === undefined ? '' : ` by ${safe(approver)}, ${formatTime(approved_at ?? '', { utc })}`;
  // Of one that ran out the name is that of who said yes.
  const answered =
    status !== 'expired' ? by : by === '' ? ': nobody answered' : `: approved${by}, and not used in time`;
  return [
    ['state', `${paintOf(status, style)(WORDS[status])}${answered}`],
    ['until', `${formatTime(one.expires_at, { utc })} (${until(one, nowMs, utc)})`],
    ['because', one.answer_reason === undefined ? undefined : safe(one.answer_reason)],
    ['asked', formatTime(one.requested_at, { utc })],
    ['why', safe(whyAsked(message, rule, asked))],
    ['says', one.reason === undefined ? undefined : safe(one.reason)],
    ['with', credentials === undefined ? undefined : safe(credentials.join(', '))],
    ['run', run_id === undefined ? undefined : safe(run_id)],
    ['may answer', safe(one.approvers.join(', '))],
    ['request', `${one.id} (entry ${one.index})`],
  ];
}

/** The message names the rule already where there is one. */
function whyAsked(message: string | undefined, rule: string | undefined, asked: string | undefined): string {
  const named = rule !== undefined && message?.includes(rule) === false ? `rule ${rule}` : undefined;
  const words = [message, named].filter(isSaid).join(', ');
  return asked === undefined ? words : `${words} (${asked})`.trimStart();
}

const isSaid = (text: string | undefined): text is string => text !== undefined && text !== '';

/** What is shown may be only the beginning; a person has to see that it is. */
function argumentLines(one: ListedApproval, width: number | undefined): readonly string[] {
  const { arguments: text, hidden = 0, left_out } = one;
  if (text === undefined)
    return [one.hidden === undefined ? 'It was asked without arguments.' : 'Its arguments cannot be shown.'];
  const more = [
    hidden === 0 ? undefined : `${counted(hidden, 'value')} hidden`,
    left_out === undefined
      ? undefined
      : `${left_out.toLocaleString('en-US')} more characters or values not shown`,
  ].filter(isSaid);
  return [
    more.length === 0 ? 'Arguments:' : `Arguments (${more.join(', ')}):`,
    // Wrapped and never cut: what is approved is all of it.
    ...pretty(text).flatMap((line) =>
      wrap(line, width === undefined ? undefined : Math.max(10, width - 2)).map((part) => `  ${part}`),
    ),
  ];
}

/** Canonical JSON under each other; its beginning as it is. */
function pretty(text: string): readonly string[] {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2).split('\n').map(safe);
  } catch {
    // It was cut: what is there is shown as it stands.
    return [safe(text)];
  }
}
