/** How an answer and a failure are told: "HTTP <code>", a blank line and the body, or one JSON object. */

import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { asTallyError } from '../../output/failure.ts';
import { safe, safeJsonText, safeLines } from '../../output/safe.ts';
import { refusalError } from './refusal.ts';
import { saveBody } from './save.ts';
import { type Answer, gone } from './transport.ts';

interface PrintOptions {
  readonly json: boolean;
  /** An answer of 400 or more is a failure too. */
  readonly fail: boolean;
  /** performance.now() when the command began. */
  readonly started: number;
  /** Where the body of an upstream goes instead; our own answers are told as ever. */
  readonly file: string | undefined;
}

export interface Printer {
  answer(answer: Answer): Promise<void>;
  /** JSON tells it on standard output as well; text leaves it to the frame. */
  failure(error: unknown): Promise<void>;
}

const BIGGEST_REFUSAL = 64 * 1024;

export function runPrint(context: Context, options: PrintOptions): Printer {
  const elapsed = (): number => Math.round(performance.now() - options.started);
  const asAgent = context.agent !== undefined || context.env.TALLY_RUN_TOKEN !== undefined;

  function refusalOf(answer: Answer, body: Buffer) {
    if (answer.refused === undefined) return undefined;
    const text = body.subarray(0, BIGGEST_REFUSAL).toString('utf8');
    return refusalError({ status: answer.status, reason: answer.refused, body: text, asAgent });
  }

  async function asText(answer: Answer): Promise<void> {
    const { stdout } = context;
    if (options.file !== undefined && answer.refused === undefined) {
      await stdout.line(`HTTP ${answer.status}`);
      const bytes = await saveBody(options.file, chunks(answer));
      await context.stderr.line(`${counted(bytes, 'byte')} to ${safe(options.file)}`);
      if (options.fail && answer.status >= 400) context.exit(1);
      return;
    }
    await stdout.write(`HTTP ${answer.status}\n${answer.refused !== undefined && stdout.isTTY ? '' : '\n'}`);
    const kept: Buffer[] = [];
    let last: number | undefined;
    // A file or a program gets the bytes as they are; a terminal would obey what is in them.
    const decoder = stdout.isTTY ? new TextDecoder() : undefined;
    for await (const chunk of chunks(answer)) {
      // The broker's own answer is for programs; a person is told the same below.
      if (answer.refused !== undefined && stdout.isTTY) {
        kept.push(chunk);
        continue;
      }
      // Streamed as it comes, so that server-sent events are seen when they happen.
      await stdout.write(decoder === undefined ? chunk : safeLines(decoder.decode(chunk, { stream: true })));
      last = chunk.at(-1);
      if (answer.refused !== undefined) kept.push(chunk);
    }
    if (last !== undefined && last !== 0x0a) await stdout.line();
    const refusal = refusalOf(answer, Buffer.concat(kept));
    if (refusal !== undefined) throw refusal;
    if (options.fail && answer.status >= 400) context.exit(1);
  }

  async function asJson(answer: Answer): Promise<void> {
    const parts: Buffer[] = [];
    const { file } = options;
    let saved: { readonly file: string; readonly bytes: number } | undefined;
    if (file !== undefined && answer.refused === undefined)
      saved = { file, bytes: await saveBody(file, chunks(answer)) };
    else for await (const chunk of chunks(answer)) parts.push(chunk);
    const body = Buffer.concat(parts);
    const refusal = refusalOf(answer, body);
    await printJson({
      status: answer.status,
      headers: answer.headers,
      ...textOf(body),
      ...(saved ?? {}),
      redacted: answer.redacted(),
      duration_ms: elapsed(),
      ...(refusal === undefined ? {} : { error: refusal.message, hint: refusal.hint }),
    });
    if (refusal !== undefined) context.exit(refusal.exitCode);
    else if (options.fail && answer.status >= 400) context.exit(1);
  }

  function printJson(value: object): Promise<void> {
    return context.stdout.line(safeJsonText(JSON.stringify(value)));
  }

  return {
    answer: options.json ? asJson : asText,
    async failure(error) {
      if (!options.json) throw error;
      const failure = asTallyError(error);
      await printJson({
        status: 0,
        headers: {},
        body: '',
        redacted: false,
        duration_ms: elapsed(),
        error: failure.message,
        hint: failure.hint,
        code: failure.code,
      });
      context.exit(failure.exitCode);
    },
  };
}

/** A connection that breaks inside the body: what came so far was printed, and the failure says that it is not all. */
async function* chunks(answer: Answer): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    throw gone(error);
  }
}

/** JSON has no bytes: a body that is not UTF-8 comes as base64 beside a readable approximation. */
function textOf(body: Buffer): { readonly body: string; readonly body_base64?: string } {
  const text = body.toString('utf8');
  return Buffer.from(text).equals(body)
    ? { body: text }
    : { body: text, body_base64: body.toString('base64') };
}
