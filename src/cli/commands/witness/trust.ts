import { trustLog } from '../../../server/witness/logs.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';
import { witnessHome } from './home.ts';

export interface TrustOptions {
  readonly dir?: string;
  readonly json?: boolean;
}

/** Idempotent: a key that is trusted already changes nothing and is no error. */
export async function trust(context: Context, vkey: string, options: TrustOptions): Promise<void> {
  const { directory, files } = await witnessHome(context, options.dir);
  const { origin, added } = await trustLog(files, vkey);
  const { stdout } = context;
  if (options.json === true) return stdout.line(toJson({ origin, added, directory }));
  await stdout.line(
    added
      ? `the witness in ${directory} cosigns ${safe(origin)} from now on`
      : `${safe(origin)} was trusted with this key already`,
  );
}
