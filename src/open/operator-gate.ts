import { z } from 'zod';
import { TallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { operatorPath, readIfThere } from '../home.ts';
import type { Paths } from '../paths.ts';

const OperatorFileSchema = z.looseObject({ protected: z.boolean(), token_hash: z.string() });

/** What the writer has to know of the operator's secret: whether it is asked for, and whether a token is the one. */
export function operatorGate(paths: Paths): {
  isProtected(): Promise<boolean>;
  check(token: string): Promise<boolean>;
} {
  async function read(): Promise<z.infer<typeof OperatorFileSchema> | undefined> {
    const text = await readIfThere(operatorPath(paths));
    if (text === undefined) return undefined;
    try {
      return OperatorFileSchema.parse(JSON.parse(text));
    } catch (error) {
      throw new TallyError(
        'BAD_CONFIG',
        'operator.json is damaged, so nobody can be taken for the operator',
        {
          hint: `restore ${operatorPath(paths)} from a backup, or remove it and run \`tally operator protect\` again`,
          cause: error,
        },
      );
    }
  }
  return {
    isProtected: async () => (await read())?.protected ?? false,
    check: async (token) => (await read())?.token_hash === sha256Hex(token),
  };
}
