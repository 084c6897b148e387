import { Command } from 'commander';
import type { BrokerCounts } from '../../recorder/ops.ts';
import type { Context } from '../context.ts';
import { counted, type Fact, factLines, formatBytes, oneLine } from '../facts.ts';
import { examples } from '../help.ts';
import { killText } from '../kill.ts';
import { safe, toJson } from '../output/safe.ts';
import { sourceLines } from '../output/sources.ts';
import type { Style } from '../output/style.ts';
import { formatDuration } from '../output/time.ts';
import { alertText, undeliveredText } from './status/alerts.ts';
import { anchorText, anchorTrouble } from './status/anchors.ts';
import { forwardFacts } from './status/forward.ts';
import { gatherStatus, type LogStatus, type Status } from './status/gather.ts';
import { hookFacts } from './status/hooks.ts';
import type { PolicyStatus } from './status/policy.ts';
import { retentionText } from './status/retention.ts';

/** Lines of them at a glance. */
const MOST_SOURCES = 12;
/** Columns that labels take. */
const LABELS = 14;

export function build(context: Context): Command {
  return examples(
    new Command('status')
      .description(
        'Whether the recorder runs, where the log is, what is signed, what is in force. Changes nothing.',
      )
      .option('--json', 'one JSON document'),
    [
      ['tally status', 'at a glance'],
      ['tally status --json', 'for programs'],
    ],
  ).action(async (options: { json?: boolean }) => {
    const status = await gatherStatus(context);
    if (options.json === true) return context.stdout.line(toJson(status));
    for (const line of factLines(statusFacts(status, context.stdout), context.stdout))
      await context.stdout.line(line);
    if (status.log === undefined)
      await context.stderr.line('There is no log yet: tally up (or tally init, or tally demo)');
  });
}

function statusFacts(status: Status, { style, width }: Context['stdout']): readonly Fact[] {
  const { recorder, broker, log, disk } = status;
  return [
    ['recorder', recorderText(recorder, style)],
    [
      'broker',
      broker.url ??
        (recorder.running ? style.yellow('none: this recorder was started without one') : 'not running'),
    ],
    ['', broker.counts === undefined ? undefined : countsText(broker.counts, style)],
    ['live', status.tail.url],
    ...(status.hooks === undefined ? [] : hookFacts(status.hooks, style)),
    [
      'kill',
      status.kill === undefined || status.kill.length === 0
        ? undefined
        : style.red(`switched off: ${killText(status.kill)}; tally kill status`),
    ],
    [
      'approvals',
      status.approvals_waiting === undefined
        ? undefined
        : style.yellow(
            `${counted(status.approvals_waiting, 'call')} waiting for a person: tally approvals list`,
          ),
    ],
    ...(log === undefined ? [] : logFacts(log, style)),
    [
      'sealing',
      recorder.running && recorder.sealing !== undefined ? style.yellow(safe(recorder.sealing)) : undefined,
    ],
    ...sourceFacts(status.sources, style, width),
    ['open', status.open_actions === undefined ? undefined : openText(status)],
    [
      'gaps',
      status.untold
        ? style.yellow('something is not on record; the next command that records tells the log of it')
        : undefined,
    ],
    ...status.anchors.flatMap((anchor): readonly Fact[] => [
      [`anchor ${anchor.name}`, anchorText(anchor, style)],
      ['', anchorTrouble(anchor)],
    ]),
    [
      'anchors',
      status.anchors_problem === undefined ? undefined : style.red(safe(oneLine(status.anchors_problem))),
    ],
    ['alerts', status.alerts === undefined ? undefined : alertText(status.alerts, style)],
    ['', status.alerts === undefined ? undefined : undelivered(status.alerts, style)],
    ...(status.otlp === undefined ? [] : forwardFacts(status.otlp, style)),
    ['policy', policyText(status.policy, style)],
    ['retention', status.retention === undefined ? undefined : retentionText(status.retention)],
    ['disk', `${formatBytes(disk.used_bytes)} used, ${formatBytes(disk.free_bytes)} free`],
  ];
}

/** Of each source, what its entries are worth and what is missing; not all of many. */
function sourceFacts(status: Status['sources'], style: Style, width: number | undefined): readonly Fact[] {
  if (status === undefined) return [];
  const room = width === undefined ? undefined : Math.max(20, width - LABELS);
  const lines = sourceLines(status.sources, style, room);
  if (lines.length === 0) return [];
  const shown = lines.slice(0, MOST_SOURCES);
  const more = lines.length - shown.length;
  const rest = [
    ...(more > 0 ? [`${counted(more, 'line')} more: tally verify --completeness`] : []),
    ...(status.all ? [] : [`of the newest ${status.entries.toLocaleString('en-US')} entries`]),
  ];
  return [...shown, ...rest.map(style.dim)].map((line, i) => [i === 0 ? 'sources' : '', line]);
}

/** What is nothing is not told, but for the calls themselves. */
function countsText({ active, calls, tunnels, strays, dropped, lost }: BrokerCounts, style: Style): string {
  const told = [
    counted(calls, 'call'),
    ...(active === 0 ? [] : [`${active.toLocaleString('en-US')} under way`]),
    ...(tunnels === 0 ? [] : [`${counted(tunnels, 'tunnel')} open`]),
    ...(strays === 0 ? [] : [counted(strays, 'stray request')]),
    ...(dropped === 0 ? [] : [style.yellow(`${counted(dropped, 'connection')} beyond the limit`)]),
    ...(lost === 0 ? [] : [style.red(`${counted(lost, 'entry', 'entries')} that could not be written`)]),
  ];
  return told.join(', ');
}

function openText({ open_actions = 0, open_by_source = {} }: Status): string {
  const by = Object.entries(open_by_source).map(([source, count]) => `${safe(source)} ${count}`);
  return `${counted(open_actions, 'action')}${by.length === 0 ? '' : `: ${by.join(', ')}`}`;
}

function undelivered(alerts: NonNullable<Status['alerts']>, style: Style): string | undefined {
  const text = undeliveredText(alerts);
  return text === undefined ? undefined : style.yellow(text);
}

function recorderText(recorder: Status['recorder'], style: Style): string {
  if (!recorder.running) return 'not running; start it: tally up';
  const running = `running, pid ${recorder.pid}, version ${safe(recorder.version)}`;
  if (recorder.failure === undefined) return `${style.green('●')} ${running}`;
  return `${style.red('● it has stopped recording:')} ${safe(recorder.failure)}; start it again: tally up`;
}

function logFacts(log: LogStatus, style: Style): readonly Fact[] {
  const unsigned = log.entries - log.signed;
  const signed =
    unsigned < 0
      ? style.red(
          `${log.signed.toLocaleString('en-US')} were signed: ${counted(-unsigned, 'entry', 'entries')} missing (tally verify)`,
        )
      : unsigned === 0
        ? 'all signed'
        : `${log.signed.toLocaleString('en-US')} signed, ${unsigned} not yet`;
  const age =
    log.checkpoint_age_ms === undefined ? 'none yet' : `${formatDuration(log.checkpoint_age_ms)} ago`;
  return [
    ['log', log.directory],
    ['entries', `${counted(log.entries, 'entry', 'entries')}, ${signed}, ${formatBytes(log.bytes)}`],
    [
      'checkpoint',
      log.checkpoint_problem === undefined
        ? age
        : style.red(`not to be believed: ${safe(log.checkpoint_problem)}`),
    ],
    [
      'torn',
      log.torn.length === 0
        ? undefined
        : style.yellow(
            `${counted(log.torn.length, 'tail')} set aside after a crash: ${log.torn.map(safe).join(', ')}`,
          ),
    ],
    ['index', indexText(log.index)],
    ['origin', safe(log.origin)],
    ['verifier', safe(log.first_vkey)],
    ['signs now', log.vkey === log.first_vkey ? undefined : `${safe(log.vkey)} (tally key list)`],
  ];
}

function indexText({ state, lag, bytes }: LogStatus['index']): string {
  if (state === 'none') return 'none yet; the first question makes it';
  if (state !== 'ready') return 'the next question makes it again (tally index status)';
  return `${lag === 0 ? 'up to date' : `${counted(lag, 'entry', 'entries')} behind`}, ${formatBytes(bytes)}`;
}

function policyText(policy: PolicyStatus, style: Style): string {
  const { file, version, problem, in_force } = policy;
  const hosts = policy.hosts === 0 ? 'allows no host yet' : counted(policy.hosts ?? 0, 'host');
  if (problem !== undefined) {
    const stays =
      in_force === undefined
        ? 'every call will be stopped'
        : `version ${safe(in_force.version)} stays in force`;
    return `${style.red('broken')}: ${safe(oneLine(problem))}; ${stays}. Check it: tally policy check`;
  }
  const named = `version ${safe(version ?? '?')}, ${hosts}`;
  const told = policy.missing
    ? `${named}; it is built in, since there is no ${file} (tally init writes it)`
    : `${named}, ${file}`;
  if (in_force === undefined || in_force.same_as_file) return told;
  return `${told} ${style.yellow(`(not in force: the recorder decides by version ${safe(in_force.version)})`)}`;
}
