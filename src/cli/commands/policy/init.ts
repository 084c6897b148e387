import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createPrivate, makePrivateDirectory } from '../../../capture/secrets/vault-files.ts';
import { TallyError } from '../../../core/error.ts';
import { defaultPolicyText } from '../../../core/policy/default.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';

/** Writes the commented default. A file that is there stays as it is. */
export async function init(context: Context, file: string | undefined, json: boolean): Promise<void> {
  const path = file ?? context.paths.policyFile;
  if (existsSync(path))
    throw new TallyError('USAGE', `${path} is there already, and stays as it is`, {
      hint: 'see it: tally policy show; add a host: tally policy allow HOST',
    });
  if (file === undefined) makePrivateDirectory(dirname(path));
  createPrivate(path, Buffer.from(defaultPolicyText()));
  if (json) return context.stdout.line(toJson({ file: path, written: true }));
  await context.stdout.line(
    `${safe(path)}: written. It allows no host yet; every section is explained in it.`,
  );
}
