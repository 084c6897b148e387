/** OTLP: what programs instrumented with OpenTelemetry may send, and entries on their way to a collector. */
export const OTLP_LIMITS = {
  /** One request, as it comes and unpacked: prompts of a few hundred spans. Collectors take 20 MiB where nothing is said. */
  otlpBodyBytes: 16 * 1024 * 1024,
  /** Requests that are read at once; they are decoded one after the other, so that one unpacked body is in memory. */
  otlpRequests: 64,
  /** Requests that wait for their turn are told to come back after this long. */
  otlpRetryS: 5,
  /** Events of a request that are made and recorded before others have their turn: sealing a payload takes half a millisecond. */
  otlpTurnEvents: 32,
  /** Spans or log records of one request: senders batch 512, collectors 8,192. What comes beyond is refused and counted. */
  otlpRecords: 10_000,
  /** Values of one request, attributes and what is inside of them: some 30 MB of memory in the worst case. */
  otlpValues: 250_000,
  /** Of nesting in one value, below `jsonDepth` with what stands around it; what is deeper is left out, and said. */
  otlpDepth: 24,
  /** Groups of unknown fields in each other: no sender has used groups for twenty years. */
  otlpGroups: 8,
  /** Attributes of one entry that stand in its metadata; the rest is counted. */
  otlpAttributes: 64,
  /** An attribute that is longer is no label but content, and goes into the payload. */
  otlpAttributeBytes: 512,
  /** All attributes of one entry, serialised: below `freeObjectBytes`, with room for what else is said of a span. */
  otlpAttributesBytes: 3_072,
  /** Names of attributes that an entry says it left out; all are counted. */
  otlpNamed: 16,
  /** Events and links of a span that an entry names; all are counted. */
  otlpEvents: 8,
  /** A name, a version, a status message, as JSON: what stands in an entry of a text that somebody else chose. */
  otlpTextBytes: 256,
  /** The name of an event in a span, of which an entry names several. */
  otlpNameBytes: 64,
  /** Spans whose entry later ones are linked to: children come first, so mostly logs use it. Some 300 bytes each. */
  otlpSpans: 20_000,
  /** A payload as it is handed on; the recorder keeps `payloadKeptBytes` of it unless the machine says otherwise. */
  otlpPayloadBytes: 1024 * 1024,

  /** Entries of one request to a collector. */
  otlpSendEntries: 512,
  /** The same in bytes: collectors take 20 MiB, other receivers 4. An entry is bounded far below it. */
  otlpSendBytes: 2 * 1024 * 1024,
  /** One request to a collector, from connecting to the last byte. */
  otlpAnswerMs: 15_000,
  /** Its answer, which says at most what it did not take. */
  otlpAnswerBytes: 64 * 1024,
  /** After a failure it is tried again after about this long, and twice as long after each further one. */
  otlpAgainMs: 1_000,
  /** The longest such wait, whatever the collector asks for: the log is the queue, and loses nothing meanwhile. */
  otlpAgainMostMs: 5 * 60_000,
  /** How often it is looked whether there is something to send: a collector shows it within seconds. */
  otlpTurnMs: 500,
  /** A collector that fails for this long is told of by an entry, once until it works again. */
  otlpFailingMs: 60_000,
  /** Headers of requests to a collector. */
  otlpHeaders: 16,
  /** At the end, for the request that is under way; without its answer it is sent again by the next start. */
  otlpCloseMs: 2_000,
} as const;
