/** Verification of a log directory: gathers what the pure verifier needs, and judges what it leaves to us. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeUtf8 } from '../core/bytes.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { type CompletenessFindings, isComplete, judgeCompleteness } from '../core/query/completeness.ts';
import { parseLine } from '../core/query/line.ts';
import { createMentionFinder } from '../core/query/mentions.ts';
import { watchRecovery } from '../core/query/recovery.ts';
import { TILE_WIDTH, tilePath } from '../core/tlog/tile.ts';
import { type LogSource, verifyLog } from '../core/tlog/verify.ts';
import type { Head } from '../core/tlog/verify-heads.ts';
import { createLineSplitter } from '../core/tlog/verify-lines.ts';
import { exitCodeOf, type Report } from '../core/tlog/verify-report.ts';
import type { OpenedReader } from '../open.ts';
import { errno } from '../store/file/fs.ts';
import { pinnedVkey, type Whose } from './prove.ts';

export interface Verification extends Omit<Report, 'completeness'> {
  readonly exit_code: 0 | 2 | 6 | 7;
  readonly key: { readonly vkey: string; readonly ground: 'given' | 'pinned' } | null;
  readonly completeness: Report['completeness'] & { readonly findings?: CompletenessFindings };
  /** Torn tails that recovery set aside and nobody has acknowledged. */
  readonly recovery: { readonly status: 'pass' | 'incomplete'; readonly unacknowledged: readonly string[] };
  /** Why log.json could not be used, when it could not. */
  readonly log_json?: string;
}

export interface VerifyRequest extends Whose {
  readonly key: string | undefined;
  /** Files with older checkpoints. */
  readonly heads: readonly string[];
  readonly completeness: boolean;
  /** Whether a recorder writes this log right now; undefined when nobody can tell. */
  readonly writerLives: () => Promise<boolean | undefined>;
  readonly onProgress: (bytes: number, total: number) => void;
}

export async function verifyDirectory(opened: OpenedReader, request: VerifyRequest): Promise<Verification> {
  const { reader } = opened;
  const local = await localHeads(opened);
  const about = await aboutLog(opened, request, local);
  const pinned = request.key ?? (await pinnedVkey(opened, request, about.origin));
  const heads = [
    ...local.filter(({ origin, log }) => (request.current ? log === opened.name : origin === about.origin)),
    ...(await Promise.all(request.heads.map(givenHead))),
  ];
  const total = (await reader.segments()).reduce((sum, { bytes }) => sum + bytes, 0);
  const taps = createTaps(request.completeness);
  const source: LogSource = {
    origin: about.origin,
    vkeys: about.vkeys,
    checkpoint: () => reader.objects.get('checkpoint'),
    async *blocks() {
      for (const { first } of await reader.segments()) {
        for await (const block of reader.read(first)) {
          taps.push(block);
          yield block;
        }
      }
    },
    tile: (level, index) => reader.objects.get(tilePath({ level, index, width: TILE_WIDTH })),
  };

  const report = await verifyLog(source, {
    ...(pinned === undefined ? {} : { pinned: [pinned] }),
    heads,
    onProgress: (_entries, bytes) => request.onProgress(bytes, total),
  });
  const unacknowledged = taps.recovery.unacknowledged(await tornFiles(opened.directory));
  const findings = taps.judge?.finish(await request.writerLives());
  const completeness = completenessOf(unacknowledged, findings);
  const judged = { ...report, completeness };
  const exit = exitCodeOf(judged, { completeness: request.completeness });
  return {
    ...judged,
    // A log.json that is missing or altered while the log is remembered is tampering whatever the entries say.
    exit_code: about.problem === undefined || exit === 6 ? exit : 6,
    key:
      pinned === undefined ? null : { vkey: pinned, ground: request.key === undefined ? 'pinned' : 'given' },
    recovery: { status: unacknowledged.length === 0 ? 'pass' : 'incomplete', unacknowledged },
    ...(about.problem === undefined ? {} : { log_json: about.problem }),
  };
}

interface LocalHead extends Head {
  readonly origin: string;
  readonly log: string;
}

/** Heads of all logs that this machine remembers, outside of them. */
async function localHeads({ heads }: OpenedReader): Promise<readonly LocalHead[]> {
  const found: LocalHead[] = [];
  for (const name of await heads.list('')) {
    if (!name.endsWith('/checkpoint')) continue;
    const checkpoint = await heads.get(name);
    if (checkpoint === undefined) continue;
    const origin = decodeUtf8(checkpoint)?.split('\n')[0] ?? '';
    found.push({
      checkpoint,
      ground: 'local',
      name: `heads/${name}`,
      origin,
      log: name.slice(0, -'/checkpoint'.length),
    });
  }
  return found;
}

async function givenHead(path: string): Promise<Head> {
  try {
    return { checkpoint: await readFile(path), ground: 'given', name: path };
  } catch (error) {
    throw new TallyError(
      'USAGE',
      `cannot read the head ${path}: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: 'give a file with a signed checkpoint, such as a copy of logs/<log>/checkpoint made earlier',
        cause: error,
      },
    );
  }
}

interface About {
  readonly origin: string;
  readonly vkeys: readonly string[];
  readonly problem?: string;
}

/** What log.json says; when it is gone or broken, what is remembered about the log: a wipe is an answer, not an error. */
async function aboutLog(
  opened: OpenedReader,
  { current }: Whose,
  heads: readonly LocalHead[],
): Promise<About> {
  try {
    const info = await opened.logInfo();
    return { origin: info.origin, vkeys: info.keys.map(({ vkey }) => vkey) };
  } catch (error) {
    const head = current ? heads.find(({ log }) => log === opened.name) : undefined;
    if (!isTallyError(error) || head === undefined) throw error;
    return { origin: head.origin, vkeys: [], problem: error.message };
  }
}

/** Looks at entries on their way to the verifier, which reads the log once. */
function createTaps(deep: boolean) {
  const recovery = watchRecovery();
  const judge = deep ? judgeCompleteness() : undefined;
  const see = (line: Buffer): void => {
    const parsed = parseLine(line);
    if (!('entry' in parsed)) return;
    recovery.see(parsed.entry);
    judge?.see(parsed.entry);
  };
  const finder = createMentionFinder(Buffer.from('"type":"log.recover"'), LIMITS.entryBytes, see);
  const splitter = createLineSplitter({
    line: (block, start, end) => see(Buffer.from(block.buffer, block.byteOffset + start, end - start)),
    // The verifier tells of it.
    tooLong: () => undefined,
  });
  return {
    recovery,
    judge,
    push: (block: Uint8Array): void => (deep ? splitter.push(block) : finder.push(block)),
  };
}

async function tornFiles(directory: string): Promise<readonly string[]> {
  try {
    const names = await readdir(join(directory, 'entries'));
    return names.filter((name) => name.includes('.torn-'));
  } catch (error) {
    if (errno(error) === 'ENOENT') return [];
    throw error;
  }
}

function completenessOf(
  setAside: readonly string[],
  findings: CompletenessFindings | undefined,
): Verification['completeness'] {
  const torn = setAside.length > 0;
  if (findings === undefined) {
    return { status: torn ? 'incomplete' : 'neutral', set_aside: setAside, note: 'not asked for' };
  }
  return { status: torn || !isComplete(findings) ? 'incomplete' : 'pass', set_aside: setAside, findings };
}

/** A vkey, or the path of a file that holds one. */
export async function readKey(text: string): Promise<string> {
  if (text.includes('+')) return text.trim();
  try {
    return (await readFile(text, 'utf8')).trim();
  } catch (error) {
    throw new TallyError('USAGE', `neither a key nor a file with one: ${text}`, {
      hint: 'a key reads NAME+ID+BASE64; `tally key list` prints those of this log',
      cause: error,
    });
  }
}
