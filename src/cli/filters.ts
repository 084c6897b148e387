/** The filters that `log list` and `log tail` share, by the names that AgentSecrets' log commands use too. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type LogFilter, STATUS_CLASSES, type StatusClass } from '../core/query/filter.ts';
import { parseMoment, type Zone } from './output/time.ts';

export interface FilterOptions {
  readonly agent?: string;
  readonly token?: string;
  readonly identity?: string;
  readonly credential?: string;
  readonly run?: string;
  readonly project?: string;
  readonly env?: string;
  readonly type?: readonly string[];
  readonly host?: string;
  readonly domain?: string;
  readonly method?: string;
  readonly status?: string | number;
  readonly statusClass?: StatusClass;
  readonly decision?: string;
  readonly reasonCode?: string;
  readonly phase?: string;
  readonly failed?: boolean;
  readonly blocked?: boolean;
  readonly redacted?: boolean;
  readonly since?: string;
  readonly until?: string;
}

/** Words of other tools for our three decisions. */
const DECISIONS: Readonly<Record<string, string>> = {
  allow: 'allow',
  allowed: 'allow',
  permitted: 'allow',
  stop: 'stop',
  deny: 'stop',
  denied: 'stop',
  blocked: 'stop',
  approval_required: 'approval_required',
  escalate: 'approval_required',
};
const PHASES: Readonly<Record<string, string>> = {
  pre: 'pre_exec',
  pre_exec: 'pre_exec',
  post: 'post_exec',
  post_exec: 'post_exec',
  point: 'point',
};

export function filterOptions(command: Command): Command {
  return command
    .option('--agent <id>', 'only this agent')
    .option('--run <id>', 'only this run')
    .option('--type <type...>', 'only these types, e.g. http.call, or a family, e.g. secret')
    .option('--host <host>', 'only this host; "*.example.com" for all below it')
    .addOption(new Option('--domain <host>', 'the same as --host').hideHelp())
    .option('--method <method>', 'only this HTTP method')
    .option('--status <status>', 'an outcome (ok, error, blocked, …) or an HTTP status code', statusValue)
    .addOption(new Option('--status-class <class>', 'only this class').choices(STATUS_CLASSES))
    .option('--decision <decision>', 'allow, stop or approval_required', oneOf(DECISIONS))
    .option('--reason-code <code>', 'only decisions for this reason, e.g. domain_not_in_allowlist')
    .option('--failed', 'only failures: status 400 and above, blocked, or no answer')
    .option('--blocked', 'only what was stopped before it started')
    .option('--redacted', 'only answers that were scrubbed')
    .option('--credential <ref>', 'only calls with this credential')
    .option('--token <id>', 'only this agent token (its id, never its value)')
    .addOption(new Option('--identity <level>').choices(['anonymous', 'declared', 'issued']))
    .option('--project <id>', 'only this project')
    .option('--env <name>', 'only this environment')
    .option('--phase <phase>', 'only pre, post or point; one row an entry', oneOf(PHASES))
    .option('--since <time>', '10m, 2h, 7d (ago), today, yesterday, 14:30, 2026-11-20, or RFC 3339')
    .option('--until <time>', 'before this time');
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

export function toFilter(options: FilterOptions, nowMs: number, zone: Zone): LogFilter {
  const host = (options.host ?? options.domain)?.toLowerCase();
  return defined({
    agent: options.agent,
    token: options.token,
    identity: options.identity,
    credential: options.credential,
    run: options.run,
    project: options.project,
    environment: options.env,
    types: options.type,
    host,
    method: options.method?.toUpperCase(),
    status: options.status,
    statusClass: options.statusClass,
    decision: options.decision,
    reasonCode: options.reasonCode,
    phase: options.phase,
    failed: options.failed,
    blocked: options.blocked,
    redacted: options.redacted,
    since: moment(options.since, nowMs, zone),
    until: moment(options.until, nowMs, zone),
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
