import { placeOf, witnessKeys } from '../../../anchor/setting.ts';
import { isTallyError, TallyError } from '../../../core/error.ts';
import { cosignatureVerifier } from '../../../core/tlog/cosignature.ts';
import { createQuorum } from '../../../core/tlog/quorum.ts';
import { addAnchor, checkNewAnchor, listAnchors } from '../../anchors-config.ts';
import type { Context } from '../../context.ts';
import { asOperator } from '../../operator/prompt.ts';
import { safe, toJson } from '../../output/safe.ts';
import { setUp } from '../../setup.ts';

export interface AddOptions {
  readonly name?: string;
  readonly quorum?: number;
  readonly json?: boolean;
}

/** On record before it is in the configuration; a recorder that runs takes it up by itself. */
export async function addWitness(
  context: Context,
  url: string,
  vkey: string,
  { name, quorum, json }: AddOptions,
): Promise<void> {
  const { paths, stdout, stderr } = context;
  const witness = cosignatureVerifier(vkey);
  const anchor = {
    name: name ?? anchorName(witness.name),
    type: 'witness',
    url: url.replace(/\/+$/, ''),
    vkey,
  };
  const known = witnessKeys(listAnchors(paths));
  if (known.includes(vkey))
    throw new TallyError('USAGE', `the witness ${witness.name} is configured already`, {
      hint: 'a second address of one witness would not make it two: tally anchor list shows what there is',
    });
  if (quorum !== undefined) requireReachable([...known, vkey], quorum);
  const setting = checkNewAnchor(paths, anchor);
  setUp(paths);
  const place = quorum === undefined ? placeOf(setting) : `${placeOf(setting)} (quorum ${quorum})`;
  await asOperator(context, async (ask) => {
    await ask('anchor.change', { change: 'add', name: setting.name, type: setting.type, place });
    await addAnchor(paths, setting, quorum);
  });
  if (json === true)
    return stdout.line(
      toJson({ added: setting, ...(quorum === undefined ? {} : { witness_quorum: quorum }) }),
    );
  await stdout.line(
    `added the witness ${safe(witness.name)} as anchor ${setting.name}${quorum === undefined ? '' : `; ${quorum} ${quorum === 1 ? 'witness has' : 'witnesses have'} to cosign`}`,
  );
  await stderr.line(
    stderr.style.dim('note: its operator has to trust the key of this log, which tally key list prints'),
  );
}

function requireReachable(vkeys: readonly string[], quorum: number): void {
  try {
    createQuorum(vkeys, quorum);
  } catch (error) {
    if (!isTallyError(error) || error.code !== 'BAD_CONFIG') throw error;
    throw new TallyError('BAD_CONFIG', `${error.message} with this one; nothing was added`, {
      hint: 'add the witnesses without --quorum first, and give --quorum with the last one; two keys of one name count once',
      cause: error,
    });
  }
}

/** `witness.example/w1` → `witness-example-w1`. */
function anchorName(name: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 64);
  return plain === '' ? 'witness' : plain;
}
