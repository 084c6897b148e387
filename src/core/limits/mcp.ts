/** MCP: messages that pass through, calls that are held, and what is kept of them. */
export const MCP_LIMITS = {
  /** One message that is read as a whole: a file or an image as base64, and still parsed without being felt. */
  mcpLineBytes: 16 * 1024 * 1024,
  /** Bytes of messages that wait for their turn; then the client is read no further. */
  mcpWaitingBytes: 32 * 1024 * 1024,
  /** Calls of one session without an answer; an agent has a handful. */
  mcpOpenCalls: 1_024,
  /** A call without an answer or a word of progress is closed as timed out; servers and clients give up long before. */
  mcpAnswerMs: 60 * 60 * 1000,
  /** Arguments as they are sent to be hashed, below `socketMessageBytes` with what else is said of the call. */
  mcpArgumentsBytes: 384 * 1024,
  /** A payload as it is sent; of it `payloadKeptBytes` is kept unless the machine says otherwise. */
  mcpPayloadBytes: 256 * 1024,
  /** Text of one value in them; what is longer stands there by its length and hash. */
  mcpTextChars: 64 * 1024,
  /** Of nesting, below `jsonDepth`: the rest is left out and said. */
  mcpDepth: 32,
  /** Values looked at in one argument or result. */
  mcpValues: 20_000,
  /** Tools of one `tools/list` in one entry: `metadata` holds them with names of any usual length. */
  mcpToolsPerEntry: 48,
  /** Entries for one answer to `tools/list`; a server with more tools than that has them counted. */
  mcpToolEntries: 32,
  /** Events of one session that wait for the recorder; what comes beyond is lost, counted, and told as a gap. */
  mcpBufferEvents: 10_000,
  /** Between two tries to hand over what waits for the recorder. */
  mcpRetryMs: 250,
  /** At the end of a session what waits is tried for this long: a client that ends us sends SIGKILL soon after. */
  mcpEndMs: 3_000,
  /** Text of an error that the server or the client gave. */
  mcpErrorChars: 1_024,
  /** A name that a client or a server gives itself, a URI, a version. */
  mcpNameChars: 200,
  /** A call over the policy's own bound for a person is told where it stands; so many are held at once. */
  mcpHeldCalls: 128,
  /** A session that is the recorder and idle gives the log back after this long: `tally up` may want to be it. */
  mcpIdleMs: 30 * 1000,
  /** Before a run's token ends the session goes on in a new run. */
  mcpRunMarginMs: 60 * 60 * 1000,
  /** How long the gateway takes a silent session for alive; then its run ends. */
  mcpSessionIdleMs: 30 * 60 * 1000,
  /** Sessions of one gateway at once. */
  mcpSessions: 1_000,
  /** The head of an answer of the gateway's upstream; tools may then take as long as they take. */
  mcpUpstreamConnectMs: 10_000,
} as const;
