/** What of OTLP is taken, as `otlp.receive` of `config.yaml` says. */
import { z } from 'zod';

export const OtlpReceiveSchema = z.strictObject({
  /** Spans and log records that have nothing to do with agents: `record` when absent. */
  other: z.enum(['record', 'ignore']).optional(),
  /** Besides the port of the API: 4318 is where exporters send when nobody says otherwise. */
  port: z.int().min(1).max(65_535).optional(),
});
export type OtlpReceive = z.infer<typeof OtlpReceiveSchema>;
