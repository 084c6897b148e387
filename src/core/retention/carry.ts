/** The writer's side of what is carried on. Apart from its reader, which runs in a browser too. */
import { encodeUtf8 } from '../bytes.ts';
import { canonicalize } from '../canonical.ts';
import { sha256Hex } from '../hash.ts';
import { CARRIED_FORMAT, type Carried } from './carried.ts';

export function encodeCarried(carried: Carried): { readonly bytes: Uint8Array; readonly sha256: string } {
  const bytes = encodeUtf8(
    canonicalize({ format: CARRIED_FORMAT, ...carried, entries: [...carried.entries] }),
  );
  return { bytes, sha256: sha256Hex(bytes) };
}
