/** The filters that all reading commands share, by the names that AgentSecrets' log commands use too. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { TallyError } from '../core/error.ts';
import { type LogFilter, STATUS_CLASSES, type StatusClass } from '../core/query/filter.ts';
import { DECISIONS, PHASES } from '../core/query/synonyms.ts';
import { wordsIn } from '../core/query/words.ts';
import { parseMoment, type Zone } from './output/time.ts';

export interface FilterOptions {
  readonly agent?: string;
  readonly token?: string;
  readonly identity?: string;
  readonly credential?: string;
  readonly run?: string;
  readonly step?: string;
  readonly session?: string;
  readonly tenant?: string;
  readonly user?: string;
  readonly onBehalfOf?: string;
  readonly tool?: string;
  readonly action?: string;
  readonly surface?: string;
  readonly layer?: string;
  readonly text?: string;
  readonly project?: string;
  readonly env?: string;
  readonly type?: readonly string[];
  readonly host?: string;
  readonly domain?: string;
  readonly method?: string;
  readonly status?: string | number;
  readonly outcome?: string;
  readonly statusClass?: StatusClass;
  readonly decision?: string;
  readonly reason?: string;
  readonly reasonCode?: string;
  readonly phase?: string;
  readonly failed?: boolean;
  readonly blocked?: boolean;
  readonly stopped?: boolean;
  readonly pending?: boolean;
  readonly redacted?: boolean;
  readonly since?: string;
  readonly until?: string;
}

export function filterOptions(command: Command): Command {
  return command
    .option('--agent <id>', 'only this agent')
    .option('--run <id>', 'only this run')
    .option('--type <type...>', 'only these types, e.g. http.call, or a family, e.g. secret')
    .option('--text <words>', 'only what has all these words: in purposes, paths, errors, names, metadata')
    .option('--host <host>', 'only this host; "*.example.com" for all below it')
    .addOption(new Option('--domain <host>', 'the same as --host').hideHelp())
    .option('--method <method>', 'only this HTTP method')
    .option('--tool <name>', 'only this tool')
    .option('--action <name>', 'only this action')
    .option('--credential <ref>', 'only calls with this credential')
    .option('--decision <decision>', 'allow, stop or approval_required', oneOf(DECISIONS))
    .option('--reason <code>', 'only decisions for this reason, e.g. domain_not_in_allowlist')
    .addOption(new Option('--reason-code <code>', 'the same as --reason').hideHelp())
    .option('--layer <layer>', 'only decisions of this layer of the policy, e.g. allowlist')
    .option('--outcome <outcome>', 'only this outcome: ok, error, blocked, timeout, …', outcomeValue)
    .option('--status <status>', 'an outcome (ok, error, blocked, …) or an HTTP status code', statusValue)
    .addOption(new Option('--status-class <class>', 'only this class').choices(STATUS_CLASSES))
    .option('--failed', 'only failures: status 400 and above, blocked, or no answer')
    .option('--blocked', 'only what was stopped before it started')
    .addOption(new Option('--stopped', 'the same as --blocked').hideHelp())
    .option('--pending', 'only what is open, or ended with a person being asked')
    .option('--redacted', 'only answers that were scrubbed')
    .option('--user <id>', 'only this person, or this user of the operating system')
    .option('--on-behalf-of <id>', 'only what was done for this person or thing')
    .option('--token <id>', 'only this agent token (its id, never its value)')
    .addOption(new Option('--identity <level>').choices(['anonymous', 'declared', 'issued']))
    .option('--step <id>', 'only this step')
    .option('--session <id>', 'only this session')
    .option('--surface <name>', 'only what this part reported: proxy, secrets, sdk, mcp, hook, …')
    .option('--project <id>', 'only this project')
    .option('--env <name>', 'only this environment')
    .option('--tenant <id>', 'only this tenant')
    .option('--phase <phase>', 'only pre, post or point; one row an entry', oneOf(PHASES))
    .option('--since <time>', '10m, 2h, 7d (ago), today, yesterday, 14:30, 2026-11-20, or RFC 3339')
    .option('--until <time>', 'before this time');
}

function outcomeValue(text: string): string {
  if (/^[a-z]+$/i.test(text)) return text.toLowerCase();
  if (/^[1-5]xx$/i.test(text))
    throw new InvalidArgumentError(
      `A class of codes is asked for with --status-class ${text.toLowerCase()}.`,
    );
  throw new InvalidArgumentError('It is an outcome such as ok or blocked; --status takes codes too.');
}

function statusValue(text: string): string | number {
  if (/^\d{3}$/.test(text)) return Number(text);
  if (/^[a-z]+$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('It is an outcome such as ok or blocked, or a status code such as 404.');
}

function oneOf(words: Readonly<Record<string, string>>): (text: string) => string {
  return (text) => {
    const meant = Object.hasOwn(words, text) ? words[text] : undefined;
    if (meant !== undefined) return meant;
    throw new InvalidArgumentError(`Allowed choices are ${[...new Set(Object.values(words))].join(', ')}.`);
  };
}

/** Throws `USAGE` for times that are none, spans that hold no moment, and a text to search for without a word. */
export function toFilter(options: FilterOptions, nowMs: number, zone: Zone): LogFilter {
  const host = (options.host ?? options.domain)?.toLowerCase();
  const since = moment(options.since, nowMs, zone);
  const until = moment(options.until, nowMs, zone);
  if (since !== undefined && until !== undefined && since >= until) {
    throw new TallyError('USAGE', `--since (${since}) is not before --until (${until})`, {
      hint: 'a span begins with --since and ends before --until; no entry can be in this one',
    });
  }
  return defined({
    agent: options.agent,
    token: options.token,
    identity: options.identity,
    credential: options.credential,
    run: options.run,
    step: options.step,
    session: options.session,
    tenant: options.tenant,
    user: options.user,
    onBehalfOf: options.onBehalfOf,
    tool: options.tool,
    action: options.action,
    surface: options.surface,
    project: options.project,
    environment: options.env,
    types: options.type,
    host,
    method: options.method?.toUpperCase(),
    status: either('--outcome', options.outcome, '--status', options.status),
    statusClass: options.statusClass,
    decision: options.decision,
    reasonCode: either('--reason', options.reason, '--reason-code', options.reasonCode),
    layer: options.layer,
    phase: options.phase,
    failed: options.failed,
    blocked: options.blocked ?? options.stopped,
    pending: options.pending,
    redacted: options.redacted,
    text: searched(options.text),
    since,
    until,
  });
}

/** Two names of one filter: both may be given when they say the same. */
function either<T>(name: string, value: T | undefined, other: string, second: T | undefined): T | undefined {
  if (value === undefined || second === undefined || value === second) return value ?? second;
  throw new TallyError('USAGE', `${name} ${value} and ${other} ${second} ask for different things`, {
    hint: 'give one of them',
  });
}

/** A text without words would be in every entry. */
function searched(text: string | undefined): string | undefined {
  if (text === undefined || wordsIn(text).length > 0) return text;
  throw new TallyError('USAGE', '--text has no word in it', {
    hint: 'words are runs of letters and digits: --text "invoice 4711"',
  });
}

function moment(text: string | undefined, nowMs: number, zone: Zone): string | undefined {
  return text === undefined ? undefined : new Date(parseMoment(text, nowMs, zone)).toISOString();
}

function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
