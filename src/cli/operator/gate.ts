import { equalSecret, sha256Hex } from '../../core/hash.ts';
import { operatorPath, readOperatorFile } from './file.ts';

/**
 * What the writer asks before it carries out an operator's request (`ServiceOptions.operator`). The file is read anew
 * each time: a passphrase that was just set counts for the next request. A file that is there and cannot be used
 * throws: it must not pass for an unprotected one.
 */
export function operatorGate(keys: string): {
  isProtected(): Promise<boolean>;
  check(token: string): Promise<boolean>;
} {
  const path = operatorPath(keys);
  return {
    isProtected: async () => readOperatorFile(path)?.protected === true,
    async check(token) {
      const file = readOperatorFile(path);
      return file !== undefined && equalSecret(sha256Hex(token), file.token_hash);
    },
  };
}
