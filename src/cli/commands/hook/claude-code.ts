/**
 * Where Claude Code runs a command and does not post itself: what it hands over goes to the recorder. Standard output stays
 * empty, because the program takes it for a part of the conversation; and the exit code is never 2, which blocks.
 */
import { request } from 'node:http';
import { versionOfAgent } from '../../../capture/hook/version.ts';
import { isTallyError, TallyError } from '../../../core/error.ts';
import type { JsonObject } from '../../../core/json.ts';
import { LIMITS } from '../../../core/limits.ts';
import { isObject, textAt } from '../../../core/query/fields.ts';
import { type Install, readInstalls } from '../../../open/hooks/installs.ts';
import { installFor } from '../../claude-code/find.ts';
import { targetOf } from '../../claude-code/place.ts';
import type { Context } from '../../context.ts';
import { readStdin } from '../../input.ts';
import { safe } from '../../output/safe.ts';

const WAIT_MS = 8_000;

export async function postHook(context: Context): Promise<void> {
  try {
    const input = inputOf(await readStdin(context, LIMITS.hookBodyBytes));
    const install = installFor(readInstalls(context.paths), textAt(input, 'cwd'));
    if (install === undefined)
      throw new TallyError('NOT_FOUND', 'no hooks are installed for this recorder', {
        hint: 'tally install claude-code',
      });
    const { url } = await targetOf(context);
    await post(url, install, { ...input, tally: surroundings(context) });
  } catch (error) {
    const what = isTallyError(error)
      ? `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`
      : String(error);
    await context.stderr.line(`tally: this was not recorded: ${safe(what)}`);
    context.exit(1);
  }
}

function inputOf(bytes: Buffer): JsonObject {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  if (!isObject(value))
    throw new TallyError('USAGE', 'a hook is handed one JSON object', { hint: 'spec/claude-code.md' });
  return value;
}

/** What the program tells its children of itself. */
function surroundings({ env }: Context): JsonObject {
  const version = versionOfAgent(env.AI_AGENT);
  const entrypoint = env.CLAUDE_CODE_ENTRYPOINT;
  const unattended = env.CLAUDE_CODE_SESSION_ATTENDED === '0' || entrypoint?.startsWith('sdk') === true;
  return {
    ...(version === undefined ? {} : { version }),
    ...(entrypoint === undefined ? {} : { entrypoint }),
    attended: !unattended,
  };
}

async function post(url: string, { token }: Install, body: JsonObject): Promise<void> {
  let answer: Answer;
  try {
    answer = await send(url, token, JSON.stringify(body));
  } catch (error) {
    throw new TallyError('RECORDER_UNAVAILABLE', `no recorder answers at ${url}`, {
      hint: 'tally up --background',
      cause: error,
    });
  }
  if (answer.status >= 200 && answer.status < 300) return;
  const said = parsed(answer.text);
  const error = isObject(said) ? said.error : undefined;
  throw new TallyError(
    'RECORDER_UNAVAILABLE',
    textAt(isObject(error) ? error : {}, 'message') ?? `the recorder answered ${answer.status}`,
    { hint: 'tally doctor' },
  );
}

interface Answer {
  readonly status: number;
  /** Its beginning, where it is long or breaks off. */
  readonly text: string;
}

/** Not by `fetch`: that loads more than all the rest of this command, and somebody waits for it at each call of a tool. */
function send(url: string, token: string, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      Authorization: `Bearer ${token}`,
    };
    const signal = AbortSignal.timeout(WAIT_MS);
    const outgoing = request(url, { method: 'POST', headers, signal }, (incoming) => {
      const parts: Buffer[] = [];
      let size = 0;
      incoming.on('data', (part: Buffer) => {
        size += part.length;
        if (size > LIMITS.hookBodyBytes) incoming.destroy();
        else parts.push(part);
      });
      // What came of the answer has its status, which is what counts.
      incoming.on('error', () => undefined);
      incoming.on('close', () =>
        resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not ours to read: its status says enough.
    return undefined;
  }
}
