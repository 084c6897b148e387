/** How something ended, as programs tell it: of what was decided here, and of what they report of themselves. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';

const count = z.int().nonnegative();

/** All of it but the status: which ones may be told is not the same for both. */
export const outcomeMembers = {
  status_code: z.int().min(100).max(599).exactOptional(),
  duration_ms: z.number().nonnegative().max(1e12).exactOptional(),
  error_kind: z.string().min(1).max(LIMITS.idChars).exactOptional(),
  error: z.string().max(2_048).exactOptional(),
  bytes_in: count.exactOptional(),
  bytes_out: count.exactOptional(),
  usage: z
    .strictObject({
      input_tokens: count.exactOptional(),
      output_tokens: count.exactOptional(),
      cost_usd: z.number().nonnegative().max(1e9).exactOptional(),
    })
    .exactOptional(),
};
