/** `tally redact`: takes out of a text, or of JSON, what the log would not keep. */
import { Command } from 'commander';
import { decodeUtf8 } from '../../core/bytes.ts';
import { isTallyError, TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { createRedactor, type Redactor } from '../../core/redact/redact.ts';
import { machineConfig } from '../../open/machine.ts';
import { readyVault } from '../../open/vault.ts';
import type { Context } from '../context.ts';
import { counted } from '../facts.ts';
import { examples } from '../help.ts';
import { readStdin } from '../input.ts';

interface Options {
  readonly name: readonly string[];
  readonly pattern: readonly string[];
  readonly check?: boolean;
}

const all = (one: string, before: readonly string[]): readonly string[] => [...before, one];

export function build(context: Context): Command {
  return examples(
    new Command('redact')
      .description(
        'Reads standard input and writes it without secrets and personal data, by the rules of the log: text as text, JSON and JSON lines member by member.',
      )
      .option('--name <field>', 'also the values of members of this name; may be repeated', all, [])
      .option('--pattern <name=pattern>', 'also what matches; the name stands in its place', all, [])
      .option('--check', 'write nothing; exit code 1 when something would be taken out'),
    [
      ['tally redact < transcript.txt > clean.txt', 'what is left may be shown to others'],
      [
        'tally redact --name diagnosis --pattern "staff=EMP-[0-9]{6}" < cases.jsonl',
        'with rules of your own',
      ],
      ['tally redact --check < message.json', 'for a hook: nothing leaves with a secret in it'],
    ],
  ).action((options: Options) => redact(context, options));
}

interface Redacted {
  readonly text: string;
  readonly count: number;
  readonly rules: Readonly<Record<string, number>>;
}

async function redact(context: Context, { name, pattern, check }: Options): Promise<void> {
  if (context.stdin.isTTY === true)
    throw new TallyError('USAGE', 'nothing is piped in', { hint: 'tally redact < FILE' });
  const bytes = await readStdin(context, LIMITS.redactInputBytes);
  const input = decodeUtf8(bytes);
  if (input === undefined)
    throw new TallyError('USAGE', 'what came is no text in UTF-8, so it cannot be looked through', {
      hint: 'convert it first: iconv -t UTF-8',
    });
  const redactor = await ready(context, name, pattern);
  const { text, count, rules } = redacted(redactor, input);
  const found = Object.entries(rules)
    .sort()
    .map(([rule, times]) => `${rule} ${times}`)
    .join(', ');
  if (check === true) {
    if (count === 0) return context.stderr.line('nothing would be taken out');
    context.exit(1);
    return context.stderr.line(`${counted(count, 'value')} would be taken out: ${found}`);
  }
  await context.stdout.write(text);
  if (count > 0) await context.stderr.line(`${counted(count, 'value')} taken out: ${found}`);
}

/** The machine's own names, and the values of its vault, where that can be read without asking. */
async function ready(
  context: Context,
  names: readonly string[],
  patterns: readonly string[],
): Promise<Redactor> {
  const { redactFields = [] } = await machineConfig(context.paths.configFile);
  const redactor = createRedactor({
    names: [...redactFields, ...names],
    patterns: patterns.map((given) => {
      const at = given.indexOf('=');
      if (at > 0) return { name: given.slice(0, at), pattern: given.slice(at + 1) };
      throw new TallyError('USAGE', 'a pattern has a name, which stands in the place of what it matches', {
        hint: 'tally redact --pattern "staff=EMP-[0-9]{6}"',
      });
    }),
  });
  const vault = await readyVault(context.paths, context.warn);
  try {
    for (const { name, value } of vault.entries()) {
      redactor.setSecret(name, value.toString('utf8'));
      value.fill(0);
    }
  } catch (error) {
    if (!isTallyError(error)) throw error;
    context.warn(`the vault is not read, so its values are looked for by patterns only: ${error.message}`);
  } finally {
    vault.close();
  }
  return redactor;
}

/** JSON as it is read by members, whose names tell secrets too; everything else as text. */
function redacted(redactor: Redactor, input: string): Redacted {
  const whole = parsed(input);
  if (whole !== undefined) {
    const { value, count, rules } = memberwise(redactor, whole.value);
    return { text: count === 0 ? input : `${JSON.stringify(value, undefined, 2)}\n`, count, rules };
  }
  const lines = input.split('\n');
  const values = lines.map((line) => (line.trim() === '' ? { value: undefined } : parsed(line)));
  if (values.some((one) => one === undefined)) {
    const { value, count, rules } = redactor.redactText(input);
    return { text: value, count, rules };
  }
  const rules: Record<string, number> = {};
  let total = 0;
  const out = values.map((one, i) => {
    if (one?.value === undefined) return lines[i] ?? '';
    const { value, count, rules: found } = memberwise(redactor, one.value);
    total += count;
    for (const [rule, times] of Object.entries(found)) rules[rule] = (rules[rule] ?? 0) + times;
    return count === 0 ? (lines[i] ?? '') : JSON.stringify(value);
  });
  return { text: out.join('\n'), count: total, rules };
}

function memberwise(redactor: Redactor, value: object) {
  try {
    return redactor.redactValue(value);
  } catch (error) {
    if (!isTallyError(error) || error.code !== 'BAD_EVENT') throw error;
    throw new TallyError('USAGE', `one JSON document is too much at once: ${error.message}`, {
      hint: 'give it line by line (JSON lines), or as text',
      cause: error,
    });
  }
}

function parsed(text: string): { readonly value: object } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { value } : undefined;
  } catch {
    // It is text.
    return undefined;
  }
}
