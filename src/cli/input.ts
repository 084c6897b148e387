/**
 * Values that must not be seen: a hidden prompt for a person, standard input for a program. Never argv: it is readable
 * by every process of the machine and ends up in shell histories.
 */
import { TallyError } from '../core/error.ts';
import type { Context } from './context.ts';

/** Everything on standard input, at most `mostBytes`. */
export async function readStdin(context: Pick<Context, 'stdin'>, mostBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of context.stdin as AsyncIterable<Buffer | string>) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    size += bytes.length;
    if (size > mostBytes) {
      throw new TallyError('USAGE', `more than ${mostBytes} bytes came on standard input`, {
        hint: 'check what was piped in',
      });
    }
    parts.push(bytes);
  }
  return Buffer.concat(parts, size);
}

/** `echo value |` ends the value with a newline that is not part of it: one is taken off. */
export function withoutNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

export interface HiddenPrompt {
  /** What is asked for, as a person reads it: "the value of STRIPE_KEY". */
  readonly what: string;
  /** The command that takes it on standard input, for whoever has no terminal. */
  readonly pipe: string;
  /** Asked for twice on a terminal. */
  readonly confirm: boolean;
  readonly mostBytes: number;
  /** An empty answer is an answer (to skip), not a mistake. */
  readonly optional?: boolean;
}

/** From a hidden prompt on a terminal, from standard input otherwise. */
export async function readHidden(context: Context, prompt: HiddenPrompt): Promise<Buffer> {
  if (context.interactive) return askHidden(prompt);
  if (context.stdin.isTTY === true) {
    // A terminal without a person to answer, or without a place to ask: waiting would hang for ever.
    throw new TallyError(
      'USAGE',
      `${prompt.what} is read from standard input here, and nothing is piped in`,
      {
        hint: prompt.pipe,
      },
    );
  }
  const value = withoutNewline(await readStdin(context, prompt.mostBytes));
  if (value.length > 0 || prompt.optional === true) return value;
  throw new TallyError('USAGE', `${prompt.what} is empty: nothing came on standard input`, {
    hint: prompt.pipe,
  });
}

async function askHidden(prompt: HiddenPrompt): Promise<Buffer> {
  const { isCancel, password } = await import('@clack/prompts');
  const ask = async (
    message: string,
    validate: (value: string | undefined) => string | undefined,
  ): Promise<string> => {
    // Standard output is data; whoever redirects it still has to see the question.
    const answer = await password({ message, mask: '•', validate, output: process.stderr });
    if (isCancel(answer))
      throw new TallyError('USAGE', 'cancelled; nothing was changed', { hint: 'run the command again' });
    return answer ?? '';
  };
  const first = await ask(upperFirst(prompt.what), (value) => {
    if ((value ?? '') === '' && prompt.optional !== true) return 'It cannot be empty.';
    return Buffer.byteLength(value ?? '') > prompt.mostBytes
      ? `At most ${prompt.mostBytes} bytes.`
      : undefined;
  });
  if (prompt.confirm && first !== '') {
    await ask('The same once more', (value) =>
      value === first ? undefined : 'That is not the same. Ctrl-C starts over.',
    );
  }
  return Buffer.from(first);
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
