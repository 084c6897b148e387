/** What a new anchor needs on this machine: looked at before it is added, so that nobody waits for one that cannot work. */
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { gitIn } from '../../../anchor/git/cli.ts';
import type { AnchorSetting } from '../../../anchor/setting.ts';
import { isTallyError, TallyError } from '../../../core/error.ts';
import { vaultOf } from '../../../open/vault.ts';
import { errno } from '../../../store/file/fs.ts';
import type { Context } from '../../context.ts';

/** Throws USAGE with what is missing. The network is not asked: it may be down today. */
export async function requireLocal(context: Context, anchor: AnchorSetting): Promise<void> {
  switch (anchor.type) {
    case 'file':
      return requireDirectory(anchor.path);
    case 'git':
      return requireRepository(context, anchor);
    case 'rfc3161':
      return anchor.ca === undefined ? undefined : requireCertificate(anchor.ca);
    case 'webhook':
      return anchor.secret === undefined ? undefined : requireSecret(context, anchor.secret);
    case 'witness':
      return undefined;
  }
}

function refused(what: string, hint: string): TallyError {
  return new TallyError('USAGE', `${what}; nothing was added`, { hint });
}

async function requireDirectory(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => errno(error) ?? String(error));
  if (typeof found === 'string')
    throw refused(`there is no directory ${path} (${found})`, `mount it, or make it: mkdir -p '${path}'`);
  if (!found.isDirectory()) throw refused(`${path} is no directory`, 'give a directory on another disk');
}

async function requireRepository(
  { env }: Context,
  { path, remote }: Extract<AnchorSetting, { type: 'git' }>,
): Promise<void> {
  const git = gitIn({ path, env, signal: undefined });
  try {
    await git.text('rev-parse', '--git-dir');
  } catch (error) {
    // It may also be somebody else's: what git said tells.
    if (!isTallyError(error)) throw error;
    throw refused(`${path} is no git repository to use: ${error.message}`, error.hint ?? '');
  }
  if (remote !== undefined && (await git.maybe('remote', 'get-url', remote)) === undefined)
    throw refused(
      `${path} has no remote ${remote}`,
      `name it there: git -C '${path}' remote add ${remote} URL; or leave --remote away to commit only`,
    );
}

async function requireCertificate(path: string): Promise<void> {
  const pem = await readFile(path).catch((error: unknown) => errno(error) ?? String(error));
  const hint = 'give the root certificate of the authority in PEM: --ca FILE';
  if (typeof pem === 'string') throw refused(`cannot read ${path}: ${pem}`, hint);
  const certificates = pem.includes('-----BEGIN CERTIFICATE-----');
  if (!certificates) throw refused(`${path} holds no certificate in PEM`, hint);
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw refused(
      `${path} holds no certificate: ${error instanceof Error ? error.message : String(error)}`,
      hint,
    );
  }
}

function requireSecret({ paths }: Context, name: string): void {
  const vault = vaultOf(paths);
  try {
    if (vault.list().includes(name)) return;
  } finally {
    vault.close();
  }
  throw refused(`the vault holds no credential ${name}`, `store it first: tally secrets set ${name}`);
}
