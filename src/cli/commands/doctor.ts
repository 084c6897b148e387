import { Command } from 'commander';
import { isTallyError } from '../../core/error.ts';
import type { LogInfo } from '../../core/loginfo.ts';
import { factsOf } from '../../core/query/call.ts';
import { MASTER_KEY_ANEW } from '../../home.ts';
import { TENANT } from '../../paths.ts';
import type { OpenedReader } from '../../reader.ts';
import type { Context } from '../context.ts';
import { counted } from '../facts.ts';
import { examples } from '../help.ts';
import { safe, toJson } from '../output/safe.ts';
import { wrap } from '../output/width.ts';
import { readLog } from '../reading.ts';
import { askRunning } from '../running.ts';
import { anchorRequest, evidenceOf } from '../verify-anchors.ts';
import { checkAlerts } from './doctor/alerts.ts';
import { checkAnchors } from './doctor/anchors.ts';
import { checkAuthority } from './doctor/authority.ts';
import { checkBroker } from './doctor/broker.ts';
import type { Check } from './doctor/check.ts';
import { fail, looked, skip } from './doctor/check.ts';
import { checkClaudeCode } from './doctor/claude-code.ts';
import { checkFiles } from './doctor/files.ts';
import { checkIndex } from './doctor/index.ts';
import { checkMasterKey, checkOperator, checkSigningKey, checkVault } from './doctor/keys.ts';
import { checkKill } from './doctor/kill.ts';
import { type AnchoredHeads, checkHead, checkRecovery } from './doctor/log.ts';
import { checkPort } from './doctor/port.ts';
import { checkKeyHistory, checkRetiredKeys } from './doctor/rotation.ts';
import { checkConfig, checkPolicy } from './doctor/settings.ts';
import { checkClock, checkDisk, checkFlush, checkNode } from './doctor/system.ts';
import { checkForward } from './status/forward.ts';
import { tornTails } from './status/gather.ts';
import { checkRetention, retentionStatus } from './status/retention.ts';

export function build(context: Context): Command {
  return examples(
    new Command('doctor')
      .description(
        'Looks at everything a recording rests on. Each failure says how to mend it. Exit code 1 when one fails.',
      )
      .option('--json', 'one JSON document'),
    [['tally doctor', 'what is wrong, and how to mend it']],
  ).action(async (options: { json?: boolean }) => {
    const checks = await examine(context);
    const failed = checks.filter(({ status }) => status === 'fail').length;
    if (options.json === true) await context.stdout.line(toJson({ ok: failed === 0, checks }));
    else await print(context, checks, failed);
    if (failed > 0) context.exit(1);
  });
}

async function examine(context: Context): Promise<readonly Check[]> {
  const { paths } = context;
  const running = await askRunning(context, (ask) => ask('status', {}), { operator: false });
  const machine = [
    checkNode(process.versions.node),
    checkConfig(context),
    await looked('files', () => checkFiles(paths, process.geteuid?.())),
  ];
  let opened: OpenedReader;
  let info: LogInfo;
  try {
    opened = await context.openReader();
    info = await opened.logInfo();
  } catch (error) {
    if (!isTallyError(error)) throw error;
    const log =
      error.code === 'LOG_MISSING'
        ? skip('log', 'there is none yet (tally init)')
        : fail('log', error.message, error.hint ?? 'restore it from a backup');
    return [...machine, log, await checkPolicy(context, running), ...(await broker(context, running))];
  }
  // Before the checkpoint: what an anchor was shown meanwhile would look like a rollback.
  const anchored = await anchoredHeads(context, opened, info.origin);
  const { directory } = opened;
  return [
    ...machine,
    checkFlush(paths.logs),
    await looked('disk space', () => checkDisk(paths.logs)),
    await looked(
      'clock',
      async () => checkClock(context.now(), timeOf(await newestOf(directory, undefined))),
      'skip',
    ),
    await checkSigningKey(paths, opened.name, info),
    await looked('key history', () => checkKeyHistory(opened, info)),
    await looked('retired keys', () => checkRetiredKeys(paths, opened.name, info)),
    await looked('master key', async () => checkMasterKey(paths, TENANT, await madeAnew(directory)), 'skip'),
    checkVault(paths),
    checkOperator(paths),
    await looked('head', () => checkHead(opened, info, anchored)),
    await looked(
      'recovery',
      async () =>
        checkRecovery(
          await unacknowledged(directory),
          await newestOf(directory, ['log.recover']),
          await newestOf(directory, ['log.gap']),
        ),
      'skip',
    ),
    await checkAnchors(context, opened, running),
    await checkAlerts(context, running),
    await looked('index', () => checkIndex(paths, directory, running !== undefined), 'skip'),
    await checkPolicy(context, running),
    await looked('kill switch', () => checkKill(context, running)),
    await looked(
      'retention',
      async () => checkRetention(await retentionStatus(context, running), running !== undefined),
      'skip',
    ),
    ...(await checkForward(context, running?.otlp)),
    ...(await broker(context, running)),
  ];
}

async function broker(
  context: Context,
  running: Parameters<typeof checkBroker>[0],
): Promise<readonly Check[]> {
  const { checkCall } = await import('./doctor/call.ts');
  return [
    ...(await checkBroker(running)),
    ...(running?.proxy_url === undefined ? [await checkPort(context)] : []),
    ...(await checkClaudeCode(context, running !== undefined)),
    checkAuthority(context.paths, context.now()),
    ...(await checkCall(context)),
  ];
}

async function anchoredHeads(
  context: Context,
  opened: Parameters<typeof evidenceOf>[0],
  origin: string,
): Promise<AnchoredHeads> {
  try {
    return { heads: (await evidenceOf(opened, origin, anchorRequest(context)))?.heads ?? [] };
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return { heads: [], problem: error.message };
  }
}

const timeOf = (ts: string | undefined): number | undefined =>
  ts === undefined ? undefined : Date.parse(ts);

/** Time of the newest entry, or of the newest of these types. */
async function newestOf(
  directory: string,
  types: readonly string[] | undefined,
): Promise<string | undefined> {
  const filter = types === undefined ? {} : { types };
  const reading = await readLog(directory, { filter, raw: true, limit: 1 });
  for await (const { call } of reading.hits()) return factsOf(call).ts;
  return undefined;
}

/** When the log says that the master key was lost and made anew, the last time. */
async function madeAnew(directory: string): Promise<string | undefined> {
  const filter = { types: ['config.change'] };
  const reading = await readLog(directory, { filter, raw: true, limit: Number.MAX_SAFE_INTEGER });
  for await (const { call } of reading.hits())
    if ((call.first.metadata as { changed?: unknown } | undefined)?.changed === MASTER_KEY_ANEW)
      return factsOf(call).ts;
  return undefined;
}

async function unacknowledged(directory: string): Promise<readonly string[]> {
  const names = await tornTails(directory);
  if (names.length === 0) return [];
  const acknowledged = new Set<string>();
  const reading = await readLog(directory, {
    filter: { types: ['log.recover'] },
    raw: true,
    limit: Number.MAX_SAFE_INTEGER,
  });
  for await (const { call } of reading.hits()) {
    const name = (call.first.metadata as { acknowledges?: unknown } | undefined)?.acknowledges;
    if (typeof name === 'string') acknowledged.add(name);
  }
  return names.filter((name) => !acknowledged.has(name)).sort();
}

const NARROWEST = 30;
/** The entries are `verify`'s business: nobody shall take this answer for that one. */
const NOT_VERIFIED = 'The log itself was not verified here: run tally verify';

async function print({ stdout, stderr }: Context, checks: readonly Check[], failed: number): Promise<void> {
  const { green, yellow, red, dim, bold } = stdout.style;
  const marks = { ok: green('ok  '), warn: yellow('warn'), fail: red(bold('FAIL')), skip: dim('--  ') };
  const width = Math.max(...checks.map(({ name }) => name.length));
  const indent = ' '.repeat(width + 8);
  const room = stdout.width === undefined ? undefined : Math.max(NARROWEST, stdout.width - indent.length);
  for (const { name, status, detail, mend } of checks) {
    const [first = '', ...rest] = wrap(safe(detail), room);
    await stdout.line(`${marks[status]}  ${name.padEnd(width)}  ${first}`);
    for (const line of rest) await stdout.line(indent + line);
    // Never cut into lines: it is for copying.
    if (mend !== undefined) await stdout.line(`${indent}${dim('mend:')} ${safe(mend)}`);
  }
  const warned = checks.filter(({ status }) => status === 'warn').length;
  if (failed > 0) await stderr.line(red(`${counted(failed, 'check')} failed.`));
  else if (warned > 0)
    await stderr.line(yellow(`Nothing failed; ${counted(warned, 'warning')}. ${NOT_VERIFIED}`));
  else await stderr.line(`${green('Nothing wrong was found.')} ${NOT_VERIFIED}`);
}
