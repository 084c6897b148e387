/**
 * A `.env` file. In clear, as its readers want it: for moving out of, and for development. Comments and order survive a
 * write; the file is replaced whole, with its own mode, 0600 when it is new.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { sha256Hex } from '../../../core/hash.ts';
import { LIMITS } from '../../../core/limits.ts';
import { itemOf, type Provider, providerError, requireSize } from '../provider.ts';
import { makePrivateDirectory, replaceKeepingMode, withWriterLock } from '../vault-files.ts';
import { type DotenvEntry, dotenvLine, parseDotenv } from './dotenv-format.ts';
import { hasControl, parseAddress } from './uri.ts';

export interface DotenvOptions {
  /** What its path is relative to. */
  readonly directory: string;
  readonly home: string;
  /** Writers of all processes of this user wait for each other here. */
  readonly locks: string;
  /** Otherwise nothing is written outside of `directory`. */
  readonly trusted: boolean;
}

export function dotenvProvider(spec: string, { directory, home, locks, trusted }: DotenvOptions): Provider {
  const { rest } = parseAddress(spec, []);
  const path = pathOf(rest, directory, home);

  function entries(): readonly DotenvEntry[] {
    const bytes = readBounded(path);
    const found = entriesOf(path, bytes);
    bytes?.fill(0);
    return found;
  }

  async function change(name: string, value: Uint8Array | undefined): Promise<boolean> {
    const target = real(path);
    if (!trusted && !isInside(real(directory), target))
      throw providerError(
        'provider_untrusted',
        `${path} is outside of the project that names it`,
        'give it yourself: --provider dotenv:PATH',
      );
    makePrivateDirectory(locks);
    return withWriterLock(join(locks, `dotenv-${sha256Hex(target).slice(0, 16)}`), () => {
      const before = readBounded(target) ?? Buffer.alloc(0);
      const found = entriesOf(target, before).filter(({ key }) => key === name);
      if (found.length === 0 && value === undefined) return false;
      const after = rewrite(before, found, value === undefined ? undefined : dotenvLine(name, value));
      replaceKeepingMode(target, after);
      before.fill(0);
      after.fill(0);
      return found.length > 0;
    });
  }

  return {
    uri: `dotenv:${path}`,
    address: (name, ref) => `${path}, as ${ref?.item ?? name}`,
    async get(name, ref) {
      const key = itemOf(ref, 'a .env file') ?? name;
      let value: Buffer | undefined;
      for (const entry of entries()) {
        if (entry.key === key) value = Buffer.from(entry.value);
        entry.value.fill(0);
      }
      if (value !== undefined) requireSize(value, name);
      return value;
    },
    async set(name, value, ref) {
      requireSize(value, name);
      const key = itemOf(ref, 'a .env file') ?? name;
      if (value.includes(0) || /[\s=#'"]/.test(key) || hasControl(key))
        throw providerError(
          'value_invalid',
          `a .env file cannot hold ${value.includes(0) ? 'a value with a NUL byte' : 'such a name'}`,
          'keep it in the local vault: --provider tally',
        );
      return !(await change(key, value));
    },
    delete: (name, ref) => change(itemOf(ref, 'a .env file') ?? name, undefined),
    list: async () => [...new Set(entries().map(({ key }) => key))].sort(),
  };
}

function pathOf(rest: string, directory: string, home: string): string {
  if (rest === '') return join(directory, '.env');
  if (rest === '~' || rest.startsWith('~/')) return join(home, rest.slice(1));
  return resolve(directory, rest);
}

/** Where a write would go: links followed, as far as there is something. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(real(above), relative(above, path));
  }
}

function isInside(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return way !== '' && !way.startsWith('..') && !isAbsolute(way);
}

/** undefined: there is none. A regular file of bounded size, never a pipe that is waited for. */
function readBounded(path: string): Buffer | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  let handle: number;
  try {
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw providerError('provider_denied', `${path} cannot be read`, `ls -l '${path}' shows who may`, error);
  }
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile() || stat.size > LIMITS.dotenvBytes)
      throw providerError('provider_answer_invalid', `${path} is no file of that kind`, 'is the path right?');
    return readFileSync(handle);
  } finally {
    closeSync(handle);
  }
}

function entriesOf(path: string, bytes: Buffer | undefined): readonly DotenvEntry[] {
  if (bytes === undefined) return [];
  const parsed = parseDotenv(bytes);
  if ('entries' in parsed) return parsed.entries;
  const { line, what } = parsed.problem;
  throw providerError('provider_answer_invalid', `${path}:${line} ${what}`, 'correct that line');
}

/** In the place of the last entry of that name, the others gone; at the end where there was none. */
function rewrite(before: Buffer, found: readonly DotenvEntry[], line: Buffer | undefined): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  found.forEach(({ start, end }, i) => {
    parts.push(before.subarray(at, start));
    if (i === found.length - 1 && line !== undefined) parts.push(line);
    at = end;
  });
  parts.push(before.subarray(at));
  if (found.length === 0 && line !== undefined) {
    if (before.length > 0 && before.at(-1) !== 0x0a) parts.push(Buffer.from('\n'));
    parts.push(line);
  }
  return Buffer.concat(parts);
}
