/** The request as it goes out. */
export interface WireRequest {
  /** Path with query. */
  readonly path: string;
  /** name, value, name, value… */
  readonly headers: readonly string[];
  /** The whole body, when it was read; a streamed one is not touched. */
  readonly body: Buffer | undefined;
}
