/** The files that the programs of a run are to trust, made on first need (src/capture/ca). */
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ensureCa } from '../../../capture/ca/authority.ts';
import { caBundle } from '../../../capture/ca/bundle.ts';
import { caPaths, replacePublic } from '../../../capture/ca/files.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Context } from '../../context.ts';
import { type Trust, USER_ROOTS } from './environment.ts';

const SYSTEM_WGETRC = '/etc/wgetrc';

/** Throws CA_UNREADABLE. */
export async function trustFiles(context: Context): Promise<Trust> {
  const { state } = context.paths;
  const authority = await ensureCa({ state }, context.now);
  const { directory, certificate } = caPaths({ state });
  const own = ownRoots(context, directory);
  const bundle = caBundle({ state }, authority, own);
  return {
    bundle,
    certificate,
    // Node reads such a file at each start, so it gets the long one only where it is needed.
    extra: own.length === 0 ? certificate : bundle,
    wgetrc: wgetrcFor(context, directory, bundle),
  };
}

/** What the user's own variables name, each file once; ours are left out, which a run inside a run finds there. */
function ownRoots({ env, warn }: Context, directory: string): readonly string[] {
  const named = USER_ROOTS.map((name) => [name, env[name] ?? ''] as const).filter(
    ([, path]) => path !== '' && !resolve(path).startsWith(`${directory}/`),
  );
  const paths = new Map(named.map(([name, path]) => [resolve(path), name]));
  return [...paths].flatMap(([path, name]) => {
    try {
      const { size } = statSync(path);
      if (size > LIMITS.caBundleBytes) throw new Error(`it has ${size} bytes`);
      return [readFileSync(path, 'utf8')];
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      warn(
        `${name} names certificates that cannot be read, so programs of this run do not trust them: ${why}`,
      );
      return [];
    }
  });
}

/** wget takes no roots from its environment, but the place of its system-wide settings; the user's own are read after. */
function wgetrcFor({ env }: Context, directory: string, bundle: string): string {
  const path = join(directory, `${bundle.slice(bundle.lastIndexOf('/') + 1, -'.pem'.length)}.wgetrc`);
  const before = env.SYSTEM_WGETRC;
  const system = before === undefined || before.startsWith(`${directory}/`) ? SYSTEM_WGETRC : before;
  replacePublic(path, `${settingsOf(system)}\nca_certificate = ${bundle}\nuse_proxy = on\n`);
  return path;
}

function settingsOf(path: string): string {
  try {
    if (statSync(path).size > LIMITS.caBundleBytes) return '';
    return readFileSync(path, 'utf8');
  } catch {
    // Not there, or not for us: then it is not for wget either.
    return '';
  }
}
