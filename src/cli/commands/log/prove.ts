import { constants } from 'node:fs';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { encodeHex } from '../../../core/bytes.ts';
import { TallyError } from '../../../core/error.ts';
import { textAt } from '../../../core/query/fields.ts';
import type { TimeWindow } from '../../../core/query/window.ts';
import { encodeProofFile, PROOF_FILE_HEADER } from '../../../core/tlog/proof-file.ts';
import { leafHash } from '../../../core/tlog/tree.ts';
import type { OpenedReader } from '../../../reader.ts';
import { errno } from '../../../store/file/fs.ts';
import type { Context } from '../../context.ts';
import { type CosignedBy, type CosignedPlace, proveCosigned } from '../../cosigned.ts';
import { counted } from '../../facts.ts';
import { type FoundEntry, findEntry } from '../../find.ts';
import { examples } from '../../help.ts';
import { grouped } from '../../output/progress.ts';
import { safe, toJson } from '../../output/safe.ts';
import { type ProvenPlace, provePlace, signerOf, type TrustedKey, trustedKey } from '../../prove.ts';
import { type AnchorRequest, anchorRequest } from '../../verify-anchors.ts';
import { readKey } from '../../verifying.ts';
import { proveWindow } from '../../window.ts';
import { windowLines } from './show-window.ts';

interface ProveOptions {
  readonly out?: string;
  readonly dir?: string;
  readonly key?: string;
  readonly entry: boolean;
  readonly newest?: boolean;
  readonly json?: boolean;
}

export function buildProve(context: Context): Command {
  const command = new Command('prove')
    .description(
      'Writes the proof that one entry is in the signed log (C2SP tlog-proof), to standard output or to a file. The file holds the entry itself, the hashes that lead to the signed root, and the checkpoint: whoever has the key that signed it checks it without the log and without a network. The proof is checked before it is written.',
    )
    .argument('<entry>', 'its index, or its id (log_…)')
    .option('--out <file>', 'write it there (0600), by custom NAME.tlog-proof')
    .option('--no-entry', 'leave the entry out: for a reader who has its bytes, or must not see them')
    .option('--dir <directory>', 'another log directory')
    .option('--key <vkey>', 'the key to check the signature with; the remembered one otherwise')
    .option('--newest', 'under the newest checkpoint, also when witnesses cosigned an older one over it')
    .option('--json', 'one JSON document that holds the proof')
    .addHelpText('after', HELP);
  return examples(command, [
    ['tally log prove 41 > 41.tlog-proof', 'prove the entry with index 41'],
    ['tally log prove log_01K… --out call.tlog-proof', 'by its id, to a file'],
    ['tally verify 41.tlog-proof --key "$VKEY"', 'what its reader does with it'],
  ]).action((which: string, options: ProveOptions) => prove(context, which, options));
}

const HELP = `
Where witnesses of this machine (tally witness add) cosigned checkpoints over the
entry, the proof is under the one of most of them, the newest of these, and carries
their cosignatures: tally verify FILE --key VKEY --witness WKEY… --quorum K counts
them. Otherwise, and with --newest, it is under the newest checkpoint of the log.

The entry is in the file unless --no-entry is given: hand it to those who may read
that entry. --json prints {"id","index","leaf_hash","checkpoint":{"origin","size"},
"vkey","cosigned_by":[{"name","vkey","time"}],"window","proof"}. "proof" is the text
of the file; "window" is what verified time stamps prove about the time of the
entry, as in tally log show: {} when they prove nothing.`;

async function prove(context: Context, which: string, options: ProveOptions): Promise<void> {
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const found = await findEntry(opened, which);
  const given = options.key === undefined ? undefined : await readKey(options.key);
  const key = await trustedKey(opened, { current: options.dir === undefined, given });
  const anchors = anchorRequest(context);
  const witnessed =
    options.newest === true ? undefined : await cosigned(context, opened, found, key, anchors);
  const place = witnessed ?? (await provePlace(opened, found, key));
  if ('signed' in place) throw unsigned(found.index, place.signed);
  const file = encodeProofFile({
    index: place.index,
    proof: place.proof,
    checkpoint: place.note,
    ...(options.entry ? { extra: found.line } : {}),
  });
  const window = await proveWindow(opened, found, place.checkpoint, anchors);
  const { vkey } = signerOf(place.checkpoint, key);
  const by = witnessed?.by ?? [];
  const { stdout, stderr } = context;
  if (options.out !== undefined) await writeProof(options.out, file);
  if (options.json === true) {
    const { origin, size } = place.checkpoint;
    await stdout.line(
      toJson({
        id: textAt(found.entry, 'id') ?? null,
        index: found.index,
        leaf_hash: encodeHex(leafHash(found.line)),
        checkpoint: { origin, size },
        vkey,
        cosigned_by: by,
        window,
        ...(options.out === undefined ? {} : { file: options.out }),
        proof: Buffer.from(file).toString('utf8'),
      }),
    );
    return;
  }
  if (options.out === undefined) await stdout.write(Buffer.from(file).toString('utf8'));
  const later = vkey !== key.first.vkey;
  for (const line of told({ place, vkey, later, by, window }, options)) await stderr.line(line);
}

/** Undefined where no witness cosigned. */
async function cosigned(
  context: Context,
  opened: OpenedReader,
  found: FoundEntry,
  key: TrustedKey,
  { settings, problem }: AnchorRequest,
): Promise<CosignedPlace | undefined> {
  if (problem !== undefined)
    context.warn(`no witness is known, the configuration cannot be read: ${problem}`);
  const search = await proveCosigned(opened, found, key, settings.anchors);
  const [first] = search.refused;
  if (first !== undefined)
    context.warn(
      `${counted(search.refused.length, 'receipt')} of witnesses did not count, first ${first} (see: tally verify)`,
    );
  if (search.left > 0)
    context.warn(
      `${counted(search.left, 'checkpoint')} with receipts were not looked at: one of more witnesses may be among them`,
    );
  return search.found;
}

interface Told {
  readonly place: ProvenPlace;
  readonly vkey: string;
  /** Another key than the first one of the log signed it. */
  readonly later: boolean;
  readonly by: readonly CosignedBy[];
  readonly window: TimeWindow;
}

/** For the person who made it; the proof itself is data and stands alone on standard output. */
function told({ place, vkey, later, by, window }: Told, { out, entry }: ProveOptions): string[] {
  const { index, proof, checkpoint } = place;
  const where = out === undefined ? '' : `${safe(out)}: `;
  const counting =
    by.length === 0 ? '' : ` --witness ${by.map((one) => safe(one.vkey)).join(' ')} --quorum ${by.length}`;
  const size = grouped(checkpoint.size);
  return [
    `${where}entry ${index} is under the checkpoint of ${size} entries of ${safe(checkpoint.origin)}, by ${counted(proof.length, 'hash', 'hashes')}${entry ? '' : '; its bytes are not in the file'}`,
    ...by.map(({ name, time }) => `cosigned by ${safe(name)} at ${time}`),
    ...windowLines(window, { utc: true }).map(([label, value]) => `${label}: ${value}`),
    ...(later
      ? [
          `this file needs the key that signed it, ${safe(vkey)}: no note leads there from the log's first key, as in whole logs and what tally log publish wrote`,
        ]
      : []),
    `its reader runs: tally verify ${out === undefined ? 'FILE' : safe(out)} --key ${safe(vkey)}${counting}`,
  ];
}

function unsigned(index: number, signed: number): TallyError {
  return new TallyError(
    'NOT_FOUND',
    `entry ${index} is not signed yet: the newest checkpoint covers ${grouped(signed)} entries`,
    {
      hint: 'a running recorder signs within 200 ms; `tally up` signs what a stopped one left',
      details: { index },
    },
  );
}

/** An entry is confidential, so its proof is. Another proof is replaced: made anew it is as good. Nothing else is. */
async function writeProof(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await refuseOther(path);
    await writeFile(path, bytes, { mode: 0o600 });
  } catch (error) {
    if (error instanceof TallyError) throw error;
    throw new TallyError('USAGE', `cannot write ${path}: ${errno(error) ?? String(error)}`, {
      hint: 'name a file in a directory that exists and that you may write to',
      cause: error,
    });
  }
}

async function refuseOther(path: string): Promise<void> {
  const begin = Buffer.from(PROOF_FILE_HEADER);
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errno(error) === 'ENOENT') return;
    throw error;
  }
  try {
    // A terminal, a pipe or /dev/null loses nothing.
    const { size } = await handle.stat();
    if (size === 0) return;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(begin.length), 0, begin.length, 0);
    if (bytesRead === begin.length && buffer.equals(begin)) return;
  } finally {
    await handle.close();
  }
  throw new TallyError('USAGE', `${path} is there and is no proof: it was left as it is`, {
    hint: 'name a new file, or remove that one first',
  });
}
