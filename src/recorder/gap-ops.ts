/** The request that tells of what was done while nothing could be recorded. */
import { z } from 'zod';
import { LIMITS } from '../core/limits.ts';

export const GAP_OPS = {
  'gap.report': z.object({
    /** The client's: told again after a lost answer, it is one entry. */
    id: z.string().regex(/^log_[0-9A-HJKMNP-TV-Z]{26}$/),
    /** Which failure mode let it go on. */
    surface: z.enum(['proxy', 'run', 'secrets', 'sdk', 'mcp']),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    count: z.int().positive(),
    /** Actions with their hosts, commands; not all of many. */
    what: z.array(z.string().max(LIMITS.idChars)).max(64),
    /** Codes of what was wrong. */
    why: z.string().max(LIMITS.reasonBytes),
  }),
} as const;
export type Gap = z.infer<(typeof GAP_OPS)['gap.report']>;

export interface GapResults {
  'gap.report': { readonly id: string };
}
