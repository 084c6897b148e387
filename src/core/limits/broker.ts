/** The broker, one call through it, and the operator. */
export const BROKER_LIMITS = {
  /** Header bytes of one request to the broker (Node's default is the same). */
  requestHeaderBytes: 16_384,
  /** Bodies up to this size with a JSON or form type are read before the decision; others stream. */
  parsedBodyBytes: 1024 * 1024,
  /** Places of one request that placeholders have a credential put into: each of them may grow by a whole secret. */
  placeholdersPerCall: 256,
  /** Processes that are looked at for the one behind a connection, the newest first; a laptop has some hundreds. */
  callerProcesses: 4_096,
  /** Open files of one process that are looked at for a connection; the usual limit of a process is the same. */
  callerDescriptors: 1_024,
  /** Processes that called lately, which are looked at first, and programs whose hash is remembered. */
  callersKnown: 64,
  /** Connections whose process is being looked for at once; of more nothing is known. */
  callerQuestions: 256,
  /** A program that is hashed: the largest are some hundred megabytes, and take a second beside the calls. */
  callerExeBytes: 1024 * 1024 * 1024,
  /** Concurrent calls through the broker. */
  concurrentCalls: 1_024,
  /** Time for a client to send its request headers. */
  requestHeadersMs: 15_000,
  /** How often connections are looked over for the above. */
  requestHeadersCheckMs: 5_000,
  /** Time to resolve a host name. */
  resolveMs: 10_000,
  /** Time to connect to an upstream, TLS included. */
  connectMs: 10_000,
  /** Time an upstream may stay silent before its headers. */
  upstreamHeadersMs: 300_000,
  /** Silence inside an upstream body; server-sent events send heartbeats well below it. */
  upstreamIdleMs: 300_000,
  /** Header bytes of one response from an upstream: some send dozens of cookies and policies. */
  responseHeaderBytes: 65_536,
  /** Interim responses (1xx) of one call: an upstream that works for long says so every few seconds. */
  interimResponses: 1_000,
  /** Early hints of one call that are passed on; those that nobody reads lie in memory. */
  earlyHints: 16,
  /** Silence inside a request body: a client that stalls holds a place. */
  requestBodyIdleMs: 60_000,
  /** A client that takes nothing of its response for this long holds an upstream connection for nothing. */
  clientStallMs: 300_000,
  /** Time between two requests on one client connection; longer than the idle pools of common HTTP clients. */
  clientKeepAliveMs: 65_000,
  /** Client connections to the broker: each call needs one, the rest are idle and hold some 12 KiB each. */
  clientConnections: 10_240,
  /** Of the path of a request that was refused as malformed: enough to recognise it, too little to flood the log. */
  refusedPathChars: 512,
  /** A refused request may still be sending its body: this long its connection is drained, so that it reads the answer. */
  lingerMs: 2_000,
  /** A response up to this size that is complete in time is sent in one piece, with its length and X-AS-Redacted. */
  heldResponseBytes: 65_536,
  /** How long a response of known, small length is waited for before it is streamed instead. */
  holdResponseMs: 20,
  /** Content codings on one response; more is an attack on our time. */
  contentCodings: 3,
  /** Idle connections to upstreams kept for the next call, over all origins. */
  idleUpstreams: 256,
  /** How long an idle upstream connection is kept, unless the upstream says less (undici's default). */
  idleUpstreamMs: 4_000,
  /** An upstream that promises to keep idle connections longer is not believed beyond this. */
  idleUpstreamMaxMs: 60_000,
  /** Resolved names are remembered this long; their addresses are checked again for every call. */
  resolveCacheMs: 5_000,
  /** Names remembered: an agent that asks for ever new ones must not fill the memory. */
  resolveCacheNames: 1_024,
  /** Searchers for sets of injected credentials, kept because building one costs as much as a small call. */
  scrubberCache: 256,
  /** Sets of credentials that went to one origin and are looked for in all of its answers; each is one more pass. */
  scrubbersPerOrigin: 8,
  /** At close, calls under way have this long to end on their own. */
  brokerDrainMs: 10_000,
  /** Secret values shorter than this are not searched for: they would match by chance. The vault warns. */
  secretMinBytes: 6,
  /** One secret value; certificates and service-account files fit. */
  secretMaxBytes: 65_536,
  /** The longest text that a user's redaction pattern may match. */
  patternChars: 512,
  /** Ways in which a user's redaction pattern may match at one place: what hostile text can cost per character. */
  patternWays: 128,
  /** The local credential file, read whole at each change: 500 of the largest secrets. */
  vaultBytes: 64 * 1024 * 1024,
  /** A writer of the credential file waits this long for another one; a write takes a few milliseconds. */
  vaultLockMs: 10_000,
  /** A run whose end nobody recorded must not leave a good token behind for ever; agents work for hours, not days. */
  runTokenMs: 24 * 60 * 60 * 1000,

  /** Tunnels that stand at once: each holds two sockets for as long as the program likes. */
  tunnels: 1_024,
  /** Silence in both directions of a tunnel; programs that keep one open send something more often. */
  tunnelIdleMs: 15 * 60_000,
  /** The same once one side has ended: most programs that end are gone, and a few still read. */
  tunnelHalfOpenMs: 60_000,
  /** The same once the broker closes: who still says something is let finish, for as long as calls are. */
  tunnelDrainMs: 250,
  /** How often the token behind a tunnel or a WebSocket is looked at again: a run that ended must not pass bytes for long. */
  tokenCheckMs: 15_000,
  /** From the answer to a CONNECT to the end of the TLS handshake inside. */
  tlsHandshakeMs: 15_000,

  /** Files of private certificates kept at once, and contexts made of them: one a host, of a handful of hosts. */
  privateRoots: 64,
  /** Days that the local authority is good for: programs elsewhere that trust it need not be told every year. */
  caDays: 5 * 365,
  /** Days before its end at which it is made anew, so that none expires during a run. */
  caRenewDays: 30,
  /** Hours that a certificate for one host is good for; one that is half through is replaced. */
  leafHours: 7 * 24,
  /** Hosts whose certificates are kept: an agent that asks for ever new ones must not fill the memory. */
  leafCertificates: 512,

  /** An operator's unlock lasts this long in one terminal: enough for a handful of commands, not for a forgotten desk. */
  operatorUnlockMs: 10 * 60_000,
  /** `keys/operator.json` and an unlock: a few hundred bytes each. */
  operatorFileBytes: 16_384,
  /** Shorter passphrases are guessed offline whatever the key derivation costs. */
  passphraseMinChars: 8,
  /** A passphrase is typed; more is a file piped in by mistake. */
  passphraseMaxBytes: 1_024,
  /** `tally doctor` fails below this: one busy hour can fill it, and a full disk stops every call. */
  diskFailBytes: 256 * 1024 * 1024,
  /** `tally doctor` warns below this. */
  diskWarnBytes: 2 * 1024 * 1024 * 1024,
  /** `tally doctor` warns above this: every call waits for one flush. */
  slowFlushMs: 25,
  /** Memory for one key derivation; a file that asks for more is an attack on ours. */
  scryptBytes: 256 * 1024 * 1024,

  /** The body of one `tally call`, held in memory; larger ones go through the broker from a program that streams. */
  callBodyBytes: 64 * 1024 * 1024,
} as const;
