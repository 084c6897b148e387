/** Values as other programs read them. What a format cannot hold is refused, never bent. */
import { providerError } from './provider.ts';
import { dotenvLine } from './providers/dotenv-format.ts';

export const EXPORT_FORMATS = ['shell', 'dotenv', 'json'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface NamedValue {
  readonly name: string;
  readonly value: Buffer;
}

/** Throws `value_invalid`. The caller wipes what it gets. */
export function formatOf(format: ExportFormat, values: readonly NamedValue[]): Buffer {
  if (format === 'json') {
    const entries = values.map(({ name, value }) => [name, textOf(name, value, 'JSON')] as const);
    return Buffer.from(`${JSON.stringify(Object.fromEntries(entries))}\n`);
  }
  for (const { name, value } of values)
    if (value.includes(0)) throw refused(name, 'holds a NUL byte, which no variable can');
  return Buffer.concat(
    values.map(({ name, value }) => (format === 'shell' ? shellLine(name, value) : dotenvLine(name, value))),
  );
}

/** POSIX: between single quotes everything is itself, but for the quote. */
function shellLine(name: string, value: Buffer): Buffer {
  const quoted = value.toString('latin1').replaceAll("'", `'\\''`);
  return Buffer.from(`export ${name}='${quoted}'\n`, 'latin1');
}

function textOf(name: string, value: Buffer, format: string): string {
  const text = value.toString('utf8');
  if (Buffer.from(text).equals(value)) return text;
  throw refused(name, `is not UTF-8, and ${format} holds text`);
}

function refused(name: string, what: string): Error {
  return providerError(
    'value_invalid',
    `the value of ${name} ${what}`,
    'get it alone: tally secrets get, to a file',
  );
}
