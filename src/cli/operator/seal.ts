/** The operator token under a passphrase. Its hash is the context, so a sealed token cannot be moved to another file. */
import { type Kdf, type Sealed, sealBytes, unsealBytes } from '../../capture/secrets/seal.ts';

export async function sealToken(
  token: string,
  passphrase: string,
  kdf: Kdf,
  context: string,
): Promise<Sealed> {
  return sealBytes(Buffer.from(token), passphrase, kdf, context);
}

/** undefined: the passphrase is not the one, or the file was altered; nobody can tell which. */
export async function unsealToken(
  sealed: Sealed,
  passphrase: string,
  kdf: Kdf,
  context: string,
): Promise<string | undefined> {
  return (await unsealBytes(sealed, passphrase, kdf, context))?.toString('utf8');
}
