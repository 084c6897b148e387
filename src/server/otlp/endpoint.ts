/** What takes OTLP, as the server sees it. */
import type { Claims } from '../../recorder/api.ts';
import type { Client } from '../../recorder/ops.ts';

export type OtlpSignal = 'logs' | 'traces';
export type OtlpEncoding = 'json' | 'protobuf';

export interface OtlpTaken {
  /** Spans or records that are not in the log, and why the first of them is not. */
  readonly rejected: number;
  readonly message: string;
}

export interface OtlpEndpoint {
  /** Throws `BAD_EVENT` for what is no OTLP, `ENTRY_TOO_LARGE`, `TOKEN_INVALID`, and what the recorder throws. */
  receive(
    signal: OtlpSignal,
    encoding: OtlpEncoding,
    body: Uint8Array,
    sender: { readonly client: Client; readonly claims: Pick<Claims, 'agent_token' | 'run_token'> },
  ): Promise<OtlpTaken>;
  /** Whose processes are taken for the recorder's own. */
  readonly self: { readonly user?: string; readonly uid?: number };
}
