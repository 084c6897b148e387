import { Command } from 'commander';
import { decodeBase64 } from '../../../core/bytes.ts';
import { invariant, isTallyError } from '../../../core/error.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { openAsked } from '../../ask.ts';
import type { Context } from '../../context.ts';
import { type FoundEntry, findEntry } from '../../find.ts';
import { examples } from '../../help.ts';
import { toJson } from '../../output/safe.ts';
import { erasureOf, keysOf, readPayload } from '../../payloads.ts';
import { type ProofState, proveEntry, trustedKey } from '../../prove.ts';
import { recordRead } from '../../record-read.ts';
import { readSnapshot } from '../../snapshot.ts';
import { anchorRequest } from '../../verify-anchors.ts';
import { readKey } from '../../verifying.ts';
import { proveWindow, type Signed } from '../../window.ts';
import { contextJson, type EntryContext, readContext } from './show-context.ts';
import { payloadJson, printPayload } from './show-payload.ts';
import { type Shown, showEntry } from './show-text.ts';

interface ShowOptions {
  readonly json?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
  readonly key?: string;
  readonly payload?: boolean;
  readonly index: boolean;
}

export function buildShow(context: Context): Command {
  const command = new Command('show')
    .description(
      'One entry: every layer of its decision, the policy that was in force, the other half of the call, and whether the signed checkpoint covers it. The proof is made and checked for this very call.',
    )
    .argument('<entry>', 'its index, or its id (log_…)')
    .option('--json', 'one JSON document')
    .option('--utc', 'times in UTC, not in the local zone')
    .option('--dir <directory>', 'another log directory')
    .option('--key <vkey>', 'the key to check the signature with; the remembered one otherwise')
    .option('--no-index', 'search the files instead: without what it is part of')
    .option('--payload', 'only its payload: decrypted, and checked against the entry')
    .addHelpText('after', JSON_HELP);
  return examples(command, [
    ['tally log show 41', 'the entry with index 41'],
    ['tally log show log_01K… --json', 'by id, for a program'],
    ['tally log show 41 --payload', 'what the call brought or got, where it was kept'],
  ]).action((which: string, options: ShowOptions) => show(context, which, options));
}

const JSON_HELP = `
--json prints {"entry":{…},"other":{…}|null,"snapshot":{"hash","status",
"allowlist_snapshot":{"domains","captured_at"},"policy":{…}}|null,
"proof":{"state":"published"|"sequenced"|"unproved",…}}. "entry" and "other" (the
other half of the call) are stored entries, unchanged. "published" is said only
of an entry whose inclusion proof was checked for this very call. "window":
{"not_before"?,"not_after"?,"contradiction"?} is what verified time stamps prove:
each bound has time, anchor, type, receipt and size, a lower one also the entry that
names the receipt; {} when nothing is proved. "stopped" in it names the bounds whose
search ended at a limit. "run":{"run","agent","start","end","rows"}|null, "parent":
{"index","type"}|null, "children":{"count","first":[…]} and "approval":{"state",
"complete","links":[{"role","index","id","ts","by","end"}]}|null tell what it is part
of; they are missing when the index cannot be used. "erased":{"index","ts"}: its
payload was erased. With --payload
also "payload":{"status":"read"|"hash_only"|"key_erased"|…,"text"|"base64",…}.`;

async function show(context: Context, which: string, options: ShowOptions): Promise<void> {
  const asked = options.index ? await openIndex(context, options.dir) : undefined;
  await recordRead(context, 'show', { entry: which }, options.dir);
  try {
    await showFound(context, which, options, asked);
  } finally {
    await asked?.close();
  }
}

/** undefined when the index cannot be had: everything but the context is found without it. */
async function openIndex(context: Context, log: string | undefined): Promise<OpenedQuery | undefined> {
  try {
    return await openAsked(context, log);
  } catch (error) {
    if (!isTallyError(error) || error.code === 'LOG_MISSING') throw error;
    context.warn(`the index cannot be used, so the files are searched: ${error.message}`);
    return undefined;
  }
}

async function showFound(
  context: Context,
  which: string,
  options: ShowOptions,
  asked: OpenedQuery | undefined,
): Promise<void> {
  const opened = await context.openReader(options.dir === undefined ? {} : { log: options.dir });
  const found = await findEntry(opened, which, asked?.query);
  const given = options.key === undefined ? undefined : await readKey(options.key);
  const key = await trustedKey(opened, { current: options.dir === undefined, given });
  const proof = await proveEntry(opened, found, key);
  const shown: Shown = {
    ...found,
    proof,
    window: await proveWindow(opened, found, signedOf(proof), anchorRequest(context)),
    erased:
      options.dir === undefined ? await erasureOf(opened, found.entry, keysOf(context.paths)) : undefined,
    snapshot: await readSnapshot(opened.reader, snapshotBearer(found)),
    context: asked === undefined ? undefined : await contextOf(context, asked, found),
  };
  const read =
    options.payload === true
      ? await readPayload(opened, found.entry, keysOf(context.paths), { current: options.dir === undefined })
      : undefined;
  if (options.json === true) {
    await context.stdout.line(
      toJson({
        entry: found.entry,
        other: found.other ?? null,
        snapshot: shown.snapshot ?? null,
        proof: shown.proof,
        window: shown.window,
        ...(shown.erased === undefined ? {} : { erased: shown.erased }),
        ...(shown.context === undefined ? {} : contextJson(shown.context)),
        ...(read === undefined ? {} : { payload: payloadJson(read, found.entry) }),
      }),
    );
  } else if (read !== undefined) {
    if (shown.proof.state === 'unproved') context.warn(`this entry is not proved: ${shown.proof.why}`);
    await printPayload(read, context.stdout);
  } else {
    const { style, width } = context.stdout;
    const text = showEntry(shown, { style, width, zone: { utc: options.utc === true } });
    await context.stdout.write(text);
  }
  // What cannot be proved although a checkpoint should cover it is no answer to build on.
  const broken = read?.status === 'altered' || read?.status === 'missing';
  if (shown.proof.state === 'unproved' || shown.snapshot?.status === 'altered' || broken) context.exit(6);
}

/** What surrounds an entry is not worth more than the entry: when it cannot be read, it is left out and said so. */
async function contextOf(
  context: Context,
  asked: OpenedQuery,
  found: FoundEntry,
): Promise<EntryContext | undefined> {
  try {
    return await readContext(asked, found);
  } catch (error) {
    if (!isTallyError(error)) throw error;
    context.warn(`what this entry is part of cannot be told: ${error.message}`);
    return undefined;
  }
}

function signedOf(proof: ProofState): Signed | undefined {
  if (proof.state !== 'published') return undefined;
  const root = decodeBase64(proof.checkpoint.root);
  invariant(root !== undefined, 'what was proved leads to a root');
  return { size: proof.checkpoint.size, root };
}

/** The half of the call that carries the decision. */
function snapshotBearer({ entry, other }: FoundEntry): FoundEntry['entry'] {
  return entry.decision === undefined && other?.decision !== undefined ? other : entry;
}
