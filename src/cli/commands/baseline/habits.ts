/** When, where, and with what. */
import { ASPECTS, type Aspect } from '../../../core/baseline/deviation.ts';
import { percent, span, whole } from '../../../core/baseline/figures.ts';
import { quantile } from '../../../core/baseline/sketch.ts';
import type { HostView, View } from '../../../core/baseline/view.ts';
import { counted } from '../../facts.ts';
import { safe } from '../../output/safe.ts';
import { sparkline } from '../../output/spark.ts';
import type { Cell } from '../../output/table.ts';
import { hanging, moment, type Out, table } from './block.ts';
import type { Found } from './gather.ts';

const WEEKDAYS = ['Su', 'Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa'];
/** Monday first, as calendars have it. */
const WEEK = [1, 2, 3, 4, 5, 6, 0];

export function hourLines({ view, present }: Found, { style }: Out): string[] {
  const now = new Set([...present.hours.keys()].map((hour) => Number(hour.slice(-2))));
  const marks = view.hourDays.map((_, hour) => (now.has(hour) ? '▲' : ' ')).join('');
  const week = WEEK.map((day) => WEEKDAYS[day]).join(' ');
  const weekDays = WEEK.map((day) => String(view.weekdayDays[day] ?? 0).padStart(2)).join(' ');
  return [
    `${style.dim('hours (UTC)')}  0     6     12    18    `,
    `${style.dim('days active')}  ${sparkline(view.hourDays)}`,
    ...(now.size === 0 ? [] : [`${style.dim('now        ')}  ${marks}`]),
    `${style.dim('week       ')}  ${week}`,
    `${style.dim('days active')}  ${weekDays}`,
  ].map((line) => line.trimEnd());
}

export function hostLines(view: View, out: Out, top: number): string[] {
  const seen = view.aspects.host.values;
  const hosts = [...seen].slice(0, top);
  if (hosts.length === 0) return [];
  const rows = hosts.map(([host, { calls, runs, days }]): Cell[] => {
    const of = view.hosts.get(host);
    return [
      { text: safe(host) },
      { text: whole(calls) },
      { text: whole(runs) },
      { text: whole(days) },
      { text: of === undefined || of.ended === 0 ? '-' : percent(of.failures.hits / of.failures.tries) },
      { text: time(of, 0.5) },
      { text: time(of, 0.9) },
    ];
  });
  const lines = table(
    [
      { header: 'HOST', shrinkTo: 14, cut: 'middle' },
      { header: 'CALLS', align: 'right' },
      { header: 'RUNS', align: 'right', optional: 2 },
      { header: 'DAYS', align: 'right', optional: 3 },
      { header: 'FAILED', align: 'right' },
      { header: 'MEDIAN', align: 'right', optional: 1 },
      { header: '90 %', align: 'right', optional: 4 },
    ],
    rows,
    out,
  );
  if (seen.size > top) lines.push(out.style.dim(`and ${counted(seen.size - top, 'host')} (--top)`));
  return lines;
}

const MICROSECONDS = 1000;

function time(of: HostView | undefined, q: number): string {
  const found = of === undefined ? undefined : quantile(of.durations, q);
  return found === undefined ? '-' : span(found / MICROSECONDS);
}

/** Names of the rest; what says the same of every agent (types, status codes, methods of hosts) is in the JSON. */
const SHOWN: Readonly<Partial<Record<Aspect, string>>> = {
  credential: 'credential',
  tool: 'tool',
  action: 'action',
  environment: 'environment',
  project: 'project',
  identity: 'identity',
  user: 'user',
  onBehalfOf: 'on behalf of',
};

export function valueLines(view: View, out: Out, top: number): string[] {
  const rows: Cell[][] = [];
  let more = 0;
  for (const aspect of ASPECTS) {
    const name = SHOWN[aspect];
    if (name === undefined) continue;
    const values = [...view.aspects[aspect].values];
    more += Math.max(0, values.length - top);
    for (const [i, [value, { runs, days, last }]] of values.slice(0, top).entries())
      rows.push([
        { text: i === 0 ? name : '', paint: out.style.dim },
        { text: safe(value) },
        { text: whole(runs) },
        { text: whole(days) },
        { text: moment(last) },
      ]);
  }
  if (rows.length === 0) return [];
  const lines = table(
    [
      { header: '' },
      { header: 'VALUE', shrinkTo: 12, cut: 'middle' },
      { header: 'RUNS', align: 'right' },
      { header: 'DAYS', align: 'right', optional: 1 },
      { header: 'LAST (UTC)', optional: 2 },
    ],
    rows,
    out,
  );
  if (more > 0) lines.push(out.style.dim(`and ${counted(more, 'value')} (--top)`));
  return lines;
}

/** Nothing is left out silently. */
export function limitLines(view: View, { style, width }: Out): string[] {
  const dropped = ASPECTS.filter((aspect) => view.aspects[aspect].dropped > 0);
  const notes = [
    ...(dropped.length > 0
      ? [`too many values to keep all: ${dropped.join(', ')}; the most frequent are kept`]
      : []),
    ...(view.unrun > 0 ? [`${counted(view.unrun, 'row')} of more runs than are told apart on one day`] : []),
    ...(view.unhosted > 0
      ? [`${counted(view.unhosted, 'call')} to more hosts than are told apart on one day`]
      : []),
  ];
  return notes.flatMap((note) => hanging('note: ', note, width, style.yellow));
}
