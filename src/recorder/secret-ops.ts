/** What may be asked of the writer about secrets that are read, handed over or moved. */
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';
import { SECRET_ERRORS, type SecretErrorKind } from '../core/secret-errors.ts';

const id = z.string().min(1).max(LIMITS.idChars);
const kinds = Object.keys(SECRET_ERRORS) as [SecretErrorKind, ...SecretErrorKind[]];

export const SECRET_OPS = {
  /**
   * Somebody wants a secret, or several. Nothing is fetched before the answer, and nothing at all when it is not
   * `allow`. What became of it is a post_exec whose parent is the entry that the answer names.
   */
  'secret.access': z.object({
    operation: z.enum(['get', 'set', 'delete', 'check', 'run', 'import', 'export']),
    key: id.optional(),
    keys: z.array(id).max(LIMITS.accessKeys).optional(),
    /** Of the keys, when not all of them are named. */
    key_count: z.int().nonnegative().optional(),
    project_id: id.optional(),
    environment: id.optional(),
    profile: id.optional(),
    /** Where it will be looked for or written, without credentials. */
    provider: z.string().max(4_096).optional(),
    /** argv[0] only: arguments carry secrets. */
    command: z.string().max(1_024).optional(),
    reason: z.string().max(LIMITS.reasonBytes).optional(),
    /** Of a run that the client has just started, and that the secrets are for. */
    run_token: z.string().max(512).optional(),
    /** The program that asks, where it is not the command line. */
    caller: z.string().max(LIMITS.idChars).optional(),
    /** Refused already, where the request was made: it is recorded, and not decided on. */
    refused: z.enum(kinds).optional(),
  }),
} as const;

export interface SecretResults {
  'secret.access': {
    /** The entry; what became of the access cites it. */
    readonly id: string;
    readonly outcome: 'allow' | 'stop' | 'approval_required';
    /** Why not, as a code and in words. */
    readonly reason?: string;
    readonly message?: string;
    /** The request that a person has to grant. */
    readonly approval?: string;
    readonly retry_after_ms?: number;
  };
}
