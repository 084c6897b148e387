/** The request as it goes out. */
export interface WireRequest {
  /** Path with query. */
  readonly path: string;
  /** name, value, name, value… */
  readonly headers: readonly string[];
  /** The whole body, when it was read; a streamed one is not touched. */
  readonly body: Buffer | undefined;
}

const OF_THE_CONNECTION = /^(?:ntlm|negotiate)\b/i;

/** These schemes prove who uses a connection, and not who sends a request: nobody else may have it afterwards. */
export function provesConnection({ headers }: WireRequest): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 13 || name.toLowerCase() !== 'authorization') continue;
    if (OF_THE_CONNECTION.test(headers[i + 1] as string)) return true;
  }
  return false;
}
