/** Hooks of Claude Code: whether they stand where they were put, and a test hook, sent as they are written there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { TEST_EVENT } from '../../../capture/hook/claude-code.ts';
import { HOOK_EVENTS, hooksIn, isBlocking } from '../../../capture/hook/settings.ts';
import { BLOCKS_SINCE, isAtLeast } from '../../../capture/hook/version.ts';
import { isTallyError } from '../../../core/error.ts';
import { field, isObject, numberAt, textAt } from '../../../core/query/fields.ts';
import { type Install, readInstalls } from '../../../open/hooks/installs.ts';
import { readFileAt } from '../../claude-code/file.ts';
import { readSettings } from '../../claude-code/settings-text.ts';
import { claudeOnPath } from '../../claude-code/version.ts';
import type { Context } from '../../context.ts';
import { type Check, fail, ok, skip, warn } from './check.ts';

type Looked = Pick<Context, 'paths' | 'env'>;

const NAME = 'claude code';
const ANSWER_MS = 5_000;

export async function checkClaudeCode(context: Looked, isRunning: boolean): Promise<readonly Check[]> {
  let installs: readonly Install[];
  try {
    installs = readInstalls(context.paths);
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return [fail(NAME, error.message, error.hint ?? 'tally install claude-code')];
  }
  if (installs.length === 0) return [skip(NAME, 'no hooks are installed (tally install claude-code)')];
  const version = installs.some(({ closed }) => closed) ? await claudeOnPath() : undefined;
  const checks: Check[] = [];
  for (const install of installs) checks.push(await checkInstall(context, install, isRunning, version));
  return checks;
}

async function checkInstall(
  context: Looked,
  install: Install,
  isRunning: boolean,
  version: string | undefined,
): Promise<Check> {
  const { file, token, closed } = install;
  const again = `tally install claude-code${closed ? ' --closed' : ''} (with --project or --local in ${dirname(dirname(file))}, where it was so)`;
  let settings: { readonly [name: string]: unknown };
  try {
    const { path, text } = await readFileAt(file);
    if (text === undefined) return fail(NAME, `${file} is gone`, again);
    settings = readSettings(path, text);
  } catch (error) {
    if (!isTallyError(error)) throw error;
    return fail(NAME, error.message, error.hint ?? again);
  }
  const hooks = hooksIn(settings);
  const lacking = HOOK_EVENTS.filter((event) => !hooks.has(event));
  if (lacking.length > 0) return fail(NAME, `${file} has no hook for ${lacking.join(', ')}`, again);
  if (settings.disableAllHooks === true)
    return fail(NAME, `${file} switches all hooks off (disableAllHooks)`, `take it out of ${file}`);
  if (Array.isArray(settings.allowedHttpHookUrls))
    return warn(
      NAME,
      `${file} lets hooks post to some addresses only (allowedHttpHookUrls); a test hook of ours says nothing of that`,
      `have "http://127.0.0.1:*" in allowedHttpHookUrls`,
    );
  if (closed && !isBlocking(settings, token))
    return fail(NAME, `${file} lets tools run when nobody answers: it was installed with --closed`, again);
  if (!isRunning) return skip(NAME, `${file}: not tried, no recorder runs (tally up)`);
  const http = await postTest(hooks.get('PreToolUse'), token);
  if (typeof http === 'string')
    return fail(NAME, `a test hook of ${file} did not arrive: ${http}`, `${again}; and tally up`);
  const command = await runTest(context, hooks.get('SessionStart'));
  if (command !== undefined)
    return fail(NAME, `the command of ${file} for SessionStart does not work: ${command}`, again);
  if (closed && version !== undefined && !isAtLeast(version, BLOCKS_SINCE))
    return warn(
      NAME,
      `${file}: a test hook arrived, but Claude Code ${version} goes on when nobody answers: what it does is observed, not enforced`,
      `claude update (${BLOCKS_SINCE} or later blocks)`,
    );
  return ok(
    NAME,
    `${file}: a test hook arrived (entry ${http}), ${closed ? 'blocked without a recorder' : 'tools run when no recorder answers'}`,
  );
}

/** As it is written there; a token that comes from the environment is the one of this install. The entry, or what went wrong. */
async function postTest(
  hook: { readonly [name: string]: unknown } | undefined,
  token: string,
): Promise<number | string> {
  const url = typeof hook?.url === 'string' ? hook.url : '';
  const headers = isObject(hook?.headers) ? hook.headers : {};
  const written = textAt(headers, 'Authorization') ?? '';
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Authorization: written.startsWith('Bearer $') ? `Bearer ${token}` : written,
      },
      body: JSON.stringify({ hook_event_name: TEST_EVENT }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const answer: unknown = await response.json();
    const said = isObject(answer) ? answer : {};
    const index = numberAt(field(said, 'recorded'), 'index');
    return index ?? textAt(field(said, 'error'), 'message') ?? `it was answered with ${response.status}`;
  } catch {
    return `nobody answers at ${url.split('?')[0]}`;
  }
}

/** What it says when it fails. */
async function runTest(
  { env }: Looked,
  hook: { readonly [name: string]: unknown } | undefined,
): Promise<string | undefined> {
  if (typeof hook?.command !== 'string') return 'there is none';
  const child = spawn('/bin/sh', ['-c', hook.command], {
    env: { ...env, AI_AGENT: '' },
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: 2 * ANSWER_MS,
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify({ hook_event_name: TEST_EVENT }));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(0, 500);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0 ? undefined : said.trim() || `it ended with ${code ?? 'a signal'}`;
}
