/**
 * An export with its two entries: one durable before the first byte leaves, one that says how it ended. Closed by
 * default: what cannot be recorded is not exported, unless whoever asks says that it shall be all the same.
 */
import { randomBytes } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { isTallyError, TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { ulidSource } from '../../core/ulid.ts';
import type { Session } from '../../open.ts';
import type { OpenedReader } from '../../reader.ts';
import type { OpParams } from '../../recorder/ops.ts';
import type { Context } from '../context.ts';

export type ExportStart = Omit<OpParams<'export.start'>, 'id'>;
export type ExportEnd = Omit<OpParams<'export.end'>, 'id' | 'parent' | 'duration_ms'>;

export interface RecordedExport {
  /** Of its first entry; undefined when it is not recorded. */
  readonly id: string | undefined;
  /** Everything durable is signed when this resolves, where somebody writes this log. */
  sign(): Promise<void>;
  /** Never throws: what left has left. Says so, and gives false, when it could not be recorded. */
  end(end: ExportEnd): Promise<boolean>;
  close(): Promise<void>;
}

/** Whether the log that is read is the one that this machine writes. */
export async function isOwnLog(context: Context, { directory }: OpenedReader): Promise<boolean> {
  const own = await context.openReader();
  const [one, other] = await Promise.all([own.directory, directory].map(real));
  return one === other;
}

async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    // Not there: as it is named.
    return path;
  }
}

export interface RecordingOptions {
  readonly own: boolean;
  /** Export although it cannot be recorded. */
  readonly unrecorded: boolean;
}

export async function beginExport(
  context: Context,
  start: ExportStart,
  { own, unrecorded }: RecordingOptions,
): Promise<RecordedExport> {
  if (!own) {
    await context.stderr.line(
      'not recorded: this log is not the one of this machine, so the export is no entry of it',
    );
    return UNRECORDED;
  }
  const ulid = ulidSource(randomBytes);
  let session: Session | undefined;
  try {
    session = await context.openSession();
    const { id } = await session.ask('export.start', { ...start, id: `log_${ulid(context.now())}` });
    return recorded(context, session, id, () => `log_${ulid(context.now())}`);
  } catch (error) {
    await session?.close();
    if (!isTallyError(error)) throw error;
    if (!unrecorded) throw refused(error);
    context.warn(`this export is not recorded: ${error.message}`);
    return UNRECORDED;
  }
}

const UNRECORDED: RecordedExport = {
  id: undefined,
  sign: async () => undefined,
  end: async () => true,
  close: async () => undefined,
};

function recorded(context: Context, session: Session, id: string, nextId: () => string): RecordedExport {
  const started = performance.now();
  return {
    id,
    async sign() {
      await session.ask('checkpoint', {});
    },
    async end(end) {
      try {
        await session.ask('export.end', {
          ...end,
          ...(end.error === undefined ? {} : { error: cut(end.error) }),
          id: nextId(),
          parent: id,
          duration_ms: Math.round(performance.now() - started),
        });
        return true;
      } catch (error) {
        context.warn(
          `how this export ended could not be recorded: ${error instanceof Error ? error.message : String(error)}`,
        );
        return false;
      }
    },
    close: () => session.close(),
  };
}

/** Within the bytes that the entry has for it, never inside a character. */
function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= LIMITS.reasonBytes) return text;
  return bytes
    .subarray(0, LIMITS.reasonBytes - 3)
    .toString('utf8')
    .replace(/\ufffd$/, '');
}

function refused(error: TallyError): TallyError {
  return new TallyError(
    error.code,
    `an export is an entry of the log, and it could not be written: ${error.message}`,
    {
      hint: `${error.hint === undefined ? '' : `${error.hint}; `}to export without a record: tally log export --unrecorded`,
      cause: error,
    },
  );
}
