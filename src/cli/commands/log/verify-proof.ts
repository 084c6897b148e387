/** `tally verify FILE` for a proof file: one entry, checked with nothing but public keys. */
import { stat } from 'node:fs/promises';
import { isTallyError, TallyError } from '../../../core/error.ts';
import type { JsonObject } from '../../../core/json.ts';
import { LIMITS } from '../../../core/limits.ts';
import { targetText } from '../../../core/query/call.ts';
import { field, textAt } from '../../../core/query/fields.ts';
import { parseLine } from '../../../core/query/line.ts';
import { parseCheckpoint } from '../../../core/tlog/checkpoint.ts';
import {
  exitCodeOfProof,
  type OtherVerdict,
  type ProofReport,
  verifyProof,
} from '../../../core/tlog/entry-proof.ts';
import { keysAt } from '../../../core/tlog/key-history.ts';
import { parseNote } from '../../../core/tlog/note.ts';
import { isProofFile, parseProofFile } from '../../../core/tlog/proof-file.ts';
import { createQuorum, judgeQuorum } from '../../../core/tlog/quorum.ts';
import { errno } from '../../../store/file/fs.ts';
import type { Context } from '../../context.ts';
import { readGiven } from '../../given-file.ts';
import { hintLine } from '../../output/failure.ts';
import { grouped } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { verdictLine } from '../../output/verdict-line.ts';
import { GROUNDS } from '../../output/verdicts.ts';
import { trustedKey } from '../../prove.ts';
import { pinnedVkey } from '../../remembered.ts';

export interface ProofRequest {
  /** The given key. */
  readonly key: string | undefined;
  /** A file with the entry's bytes. */
  readonly entry: string | undefined;
  /** Keys of witnesses, and how many of them have to have cosigned; all of them unless it says. */
  readonly witnesses: readonly string[];
  readonly quorum: number | undefined;
  readonly json: boolean;
}

export interface ProofVerification extends ProofReport {
  readonly exit_code: 0 | 2 | 6;
  readonly key: { readonly vkey: string; readonly ground: 'given' | 'pinned' } | null;
  /** What was signed; null unless all of it was checked. */
  readonly entry: JsonObject | null;
}

/** Throws `KEY_MALFORMED`, `BAD_CONFIG` for a number that these witnesses cannot reach. */
function witnessJudge({ witnesses, quorum }: ProofRequest): (note: Uint8Array) => OtherVerdict {
  const policy = createQuorum(witnesses, quorum ?? witnesses.length);
  return (note) => {
    const { by, of, needed, failed, met, time } = judgeQuorum(policy, note);
    if (failed.length > 0)
      return {
        status: 'fail',
        note: `a line of ${failed.map(({ name }) => name).join(', ')} does not hold`,
      };
    const seen = `${by.length} of ${of} cosigned, ${needed} needed`;
    const when = time === undefined ? '' : `; seen by ${new Date(time * 1000).toISOString()}`;
    return { status: met ? 'pass' : 'incomplete', note: seen + when };
  };
}

/** The one of them that signed it. */
function signer({ signatures }: ProofReport, vkeys: readonly string[]): string | undefined {
  return vkeys.find((vkey) => signatures.signed_by.some((name) => vkey.startsWith(`${name}+`)));
}

export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw unreadable(path, error);
  }
}

export async function verifyProofFile(context: Context, path: string, request: ProofRequest): Promise<void> {
  const bytes = await readProof(path);
  const pinned = request.key === undefined ? await rememberedKeys(context, bytes) : [request.key];
  const entryFile = request.entry === undefined ? undefined : await readEntry(request.entry);
  const { report, entry } = verifyProof(bytes, {
    pinned,
    ...(entryFile === undefined ? {} : { entry: entryFile }),
    ...(request.witnesses.length === 0 ? {} : { witnesses: witnessJudge(request) }),
  });
  const ground = request.key === undefined ? 'pinned' : 'given';
  const exit = exitCodeOfProof(report);
  const parsed = entry === undefined || exit !== 0 ? undefined : parseLine(Buffer.from(entry));
  const answer: ProofVerification = {
    ...report,
    exit_code: exit,
    key: pinned[0] === undefined ? null : { vkey: signer(report, pinned) ?? pinned[0], ground },
    entry: parsed !== undefined && 'entry' in parsed ? parsed.entry : null,
  };
  context.exit(answer.exit_code);
  const { stdout, stderr } = context;
  if (request.json) return stdout.line(toJson(answer));
  await stdout.line(proofLines(answer, stdout.style, stdout.width).join('\n'));
  for (const text of mending(answer)) await stderr.line(hintLine(text, stderr));
}

async function readProof(path: string): Promise<Uint8Array> {
  const bytes = await readBounded(path, LIMITS.proofFileBytes);
  if (isProofFile(bytes)) return bytes;
  throw new TallyError('USAGE', `${path} is no proof file`, {
    hint: 'give a file of `tally log prove`, a log directory, or what `tally log publish` wrote; an older checkpoint is given with --head',
  });
}

/** With or without its newline, as `jq -c` or an editor leaves it. */
async function readEntry(path: string): Promise<Uint8Array> {
  const bytes = await readBounded(path, LIMITS.entryBytes + 1);
  return bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
}

async function readBounded(path: string, most: number): Promise<Uint8Array> {
  try {
    const bytes = await readGiven(path, most + 1);
    if (bytes.length <= most) return bytes;
  } catch (error) {
    throw isTallyError(error) ? error : unreadable(path, error);
  }
  throw new TallyError('USAGE', `${path} is larger than ${grouped(most)} bytes`, {
    hint: 'a proof file holds one entry; a whole log is verified by its directory',
  });
}

function unreadable(path: string, error: unknown): TallyError {
  return new TallyError('USAGE', `cannot read ${path}: ${errno(error) ?? String(error)}`, {
    hint: 'give a proof file, a log directory, or what `tally log publish` wrote',
    cause: error,
  });
}

/**
 * The keys that this machine knows for the log that the file says it is of: the remembered one, and for its own log also
 * those that the rotation notes lead to from there.
 */
async function rememberedKeys(context: Context, bytes: Uint8Array): Promise<readonly string[]> {
  let vkey: string | undefined;
  try {
    const { origin, size } = parseCheckpoint(parseNote(parseProofFile(bytes).checkpoint).text);
    const opened = await context.openReader();
    vkey = await pinnedVkey(opened, { current: false }, origin);
    const info = vkey === undefined ? undefined : await opened.logInfo();
    if (info?.origin !== origin) return vkey === undefined ? [] : [vkey];
    const { spans } = await trustedKey(opened, { current: true, given: undefined });
    return keysAt(spans, size).map((verifier) => verifier.vkey);
  } catch (error) {
    // The verifier says what is wrong with the file; a log that is gone or damaged leaves the remembered key.
    if (isTallyError(error)) return vkey === undefined ? [] : [vkey];
    throw error;
  }
}

function proofLines(answer: ProofVerification, style: Style, width: number | undefined): string[] {
  const { integrity, signatures, witnesses, anchored, key, index, size } = answer;
  const holds = `entry ${index ?? '?'} is the one that was signed at its place among ${grouped(size ?? 0)}`;
  const signed = key === null ? '' : `by ${signatures.signed_by.join(', ')}: ${GROUNDS[key.ground]}`;
  const line = (status: Parameters<typeof verdictLine>[0], label: string, text: string): string =>
    verdictLine(status, label, safe(text), style, width);
  return [
    line(integrity.status, 'integrity', integrity.note ?? holds),
    line(signatures.status, 'signatures', signatures.status === 'pass' ? signed : (signatures.note ?? '')),
    ...(witnesses === undefined ? [] : [line(witnesses.status, 'witnesses', witnesses.note)]),
    line(anchored.status, 'anchored', anchored.note),
    '',
    ...entryLines(answer, style),
  ];
}

function entryLines({ entry, origin, index }: ProofVerification, { bold, dim }: Style): string[] {
  const of = `${safe(origin ?? 'unknown log')}, entry ${index ?? '?'}`;
  if (entry === null) return [`${of}: not shown, since not everything about it was confirmed`];
  const what = [
    textAt(entry, 'type'),
    textAt(entry, 'phase'),
    targetText(field(entry, 'action', 'target')) ?? textAt(entry, 'action', 'name'),
  ];
  const about = [textAt(entry, 'ts'), textAt(entry, 'id'), textAt(entry, 'actor', 'agent_id')];
  const shown = (texts: readonly (string | undefined)[]): string =>
    texts
      .filter((text) => text !== undefined && text !== '')
      .map((text) => safe(text ?? ''))
      .join('  ');
  return [`${of}: ${bold(shown(what))}`, dim(shown(about)), dim('--json prints the entry')];
}

function mending({ signatures, integrity, witnesses, origin, exit_code }: ProofVerification): string[] {
  if (exit_code === 6 && integrity.status === 'pass' && signatures.status === 'pass')
    return [
      'the log signed this, and somebody put a false line of a witness under it: get the proof again, and keep this file',
    ];
  if (exit_code === 6)
    return [
      'this is not what the log signed: get the proof again from whoever runs the log, and keep this file',
    ];
  if (signatures.status !== 'pass')
    return [
      `give the key of ${origin ?? 'the log'} that signed this file, from its owner: --key VKEY. Where the key was rotated, a file from before that needs the older key, and one from after it the newer key; its owner prints both with \`tally key list\`. The first key is enough for whole logs and what was published`,
    ];
  if (integrity.status === 'incomplete') return ['give the bytes of the entry: --entry FILE'];
  return witnesses?.status === 'incomplete'
    ? ['get the proof again when more witnesses have cosigned, or ask for fewer: --quorum K']
    : [];
}
