/** The anchors in `config.yaml`. Putting the change on record comes before this, and is the caller's. */
import { isSeq } from 'yaml';
import { type AnchorSetting, AnchorSettingSchema } from '../anchor/setting.ts';
import { TallyError } from '../core/error.ts';
import { loadConfig } from '../open/config.ts';
import { type ConfigPaths, editConfig, whileLocked } from './config-edit.ts';

/** The configured anchors, in the order of the file. Throws BAD_CONFIG. */
export function listAnchors(paths: ConfigPaths): readonly AnchorSetting[] {
  return loadConfig(paths.configFile).anchors;
}

/** Checks it as the file is checked, without writing. Throws USAGE; BAD_CONFIG when the file itself is broken. */
export function checkNewAnchor(paths: ConfigPaths, anchor: unknown): AnchorSetting {
  const parsed = AnchorSettingSchema.safeParse(anchor);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new TallyError(
      'USAGE',
      `${issue?.path.join('.') || 'anchor'}: ${issue?.message ?? 'not an anchor'}`,
      {
        hint: 'tally anchor add --help shows an example of each type',
      },
    );
  }
  if (listAnchors(paths).some(({ name }) => name === parsed.data.name)) {
    throw new TallyError('USAGE', `there is an anchor ${parsed.data.name} already`, {
      hint: `take another name, or remove that one first: tally anchor remove ${parsed.data.name}`,
    });
  }
  return parsed.data;
}

/**
 * Adds it at the end. Resolved: the file is durable, 0600, and reads back with the new anchor. Throws USAGE for one that
 * is not well-formed or whose name is taken; the file is then unchanged. `witnessQuorum` is set in the same step.
 */
export async function addAnchor(
  paths: ConfigPaths,
  anchor: unknown,
  witnessQuorum?: number,
): Promise<AnchorSetting> {
  return whileLocked(paths, async () => {
    const checked = checkNewAnchor(paths, anchor);
    await editConfig(paths, (doc) => {
      if (!isSeq(doc.get('anchors'))) doc.set('anchors', doc.createNode([]));
      const list = doc.get('anchors');
      if (isSeq(list)) list.flow = false;
      doc.addIn(['anchors'], doc.createNode(checked));
      if (witnessQuorum !== undefined) doc.set('witness_quorum', witnessQuorum);
    });
    return checked;
  });
}

/** Throws NOT_FOUND when there is none of that name. Its receipts stay. */
export async function removeAnchor(paths: ConfigPaths, name: string): Promise<AnchorSetting> {
  return whileLocked(paths, async () => {
    const anchors = listAnchors(paths);
    const at = anchors.findIndex((anchor) => anchor.name === name);
    const anchor = anchors[at];
    if (anchor === undefined) throw noSuchAnchor(name, anchors);
    await editConfig(paths, (doc) => {
      doc.deleteIn(['anchors', at]);
    });
    return anchor;
  });
}

export function noSuchAnchor(name: string, anchors: readonly AnchorSetting[]): TallyError {
  const known = anchors.map((anchor) => anchor.name).join(', ');
  return new TallyError('NOT_FOUND', `no anchor is called ${name}`, {
    hint: known === '' ? 'none is configured: tally anchor add --help' : `there are: ${known}`,
  });
}
