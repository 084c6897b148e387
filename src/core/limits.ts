/**
 * Every limit of the product with the reason for its value. A limit that is not in this table does not exist; a
 * limit that is reached is always told to the caller. Units are in the names.
 */
// reason for length: one table, a line and its reason for each limit
export const LIMITS = {
  /** Entry bundles carry a uint16 length (C2SP tlog-tiles). */
  entryBytes: 65_535,
  /** Opaque identifiers (tenant, run, step, session, agent, credential reference). Long enough for URNs. */
  idChars: 256,
  /** A stated purpose is a sentence, not a document. */
  reasonBytes: 512,
  /** Free-form objects that ride in an entry (`risk`, `metadata`), serialised. */
  freeObjectBytes: 8_192,
  /** What was read for one decision (`decision.inputs`), serialised; the policy itself is in the snapshot. */
  decisionInputsBytes: 4_096,
  /** Nesting of any JSON that we walk; deeper input is refused, so recursion is bounded. */
  jsonDepth: 64,
  /** Members and elements of any JSON that we walk in one event. */
  jsonNodes: 20_000,
  /** Members and elements of one canonical text. A policy file of `policyBytes` has fewer; a value that shares its parts could double at every level. */
  canonicalNodes: 4_194_304,
  /** Delegation chains longer than this are a loop or an attack. */
  delegationDepth: 32,
  /** Credentials that one call may carry; each is one header, query, form or body field. */
  credentialsPerCall: 16,

  /** A segment of the embedded store: 256 bundles of 256 entries. */
  segmentEntries: 65_536,
  /** A wall clock that moved by more than this against the monotonic one was set: adjusting it stays far below. */
  clockStepMs: 2_000,
  /** Entries between two snapshots of the registry: what a start after a crash folds again, some 5 µs each. */
  snapshotEntries: 8_192,
  /** Between two looks at whether the open segment still lies under its name: what was deleted takes no more than this. */
  segmentLookMs: 50,
  /** After a start, before old segments are sealed: most commands that write one entry are over by then. */
  sealAfterStartMs: 1_000,
  /** What one frame of a sealed segment decompresses to: 256 entries and their newlines. A bomb ends here. */
  sealedFrameBytes: 256 * 65_536,
  /** Width of a hash tile and of an entry bundle (C2SP tlog-tiles). */
  tileWidth: 256,
  /** Proofs of a tree with fewer than 2^63 leaves. */
  proofHashes: 63,
  /** A proof file: a note of `noteBytes`, an entry in base64, 63 hashes. */
  proofFileBytes: 1_200_000,
  /** Bundles that may be missing one after the other in a published tree that cannot be listed: its checkpoint may claim any size. */
  absentBundles: 64,
  /** One file of a store or a published tree, segments and packs apart: a full bundle of the largest entries has 16 MiB. */
  storedFileBytes: 256 * 1024 * 1024,
  /** Published files written at once: each waits for the disk by itself. */
  publishedAtOnce: 16,
  /** Requests for tiles answered at once: each may hold 256 entries, 16 MiB at most. Beyond it the client is told to come back. */
  tileRequests: 32,
  /** Connections to the server of tiles; clients ask for tiles over a handful of them. */
  tileConnections: 256,
  /** Connections to the recorder's HTTP server that have asked for nothing yet; of more, the oldest are closed. */
  silentConnections: 128,
  /** How long a new connection may be silent in any number: a thousand clients that connect at once are not an attack. */
  silentMs: 1_000,
  /** A client that takes nothing of its tile for this long is let go. */
  tileStallMs: 30_000,
  /** Clients of the live tail at once; each holds a connection and at most `liveBacklogBytes` of its own. */
  liveSubscribers: 1_024,
  /** Different filters among them: every new entry is put to each. */
  liveFilters: 64,
  /** New entries of this long go to a subscriber in one write: one an entry costs a core at a hundred entries a second. */
  liveTickMs: 20,
  /** The same where sending takes long, to a thousand subscribers: fewer and larger writes, and still no delay that a person sees. */
  liveTickMostMs: 60,
  /** One turn of the event loop is spent on subscribers for this long; then the appends have theirs. */
  liveTurnMs: 2,
  /** The newest entries kept in memory: whoever comes back after a moment reads no file. */
  liveRecentBytes: 8 * 1024 * 1024,
  /** What waits for one subscriber in our memory; beyond it the rest is read from the files when it has taken this. */
  liveBacklogBytes: 256 * 1024,
  /** Read from the files for one subscriber at a time, some 300 entries: parsing them holds up the appends for so long. */
  liveSliceBytes: 256 * 1024,
  /** Such reads at once, over all subscribers: each may decompress two frames. */
  liveReads: 4,
  /** Quiet connections get a sign of life: well below the idle times of clients and of proxies on the way. */
  liveHeartbeatMs: 15_000,
  /** A subscriber that does not take what waits for it in this time is let go; it comes back with the id it has. */
  liveStallMs: 60_000,
  /** How long a client that lost the stream waits before it comes back. */
  liveRetryMs: 1_000,
  /** Entries before the first one wanted that are looked at for beginnings of calls whose ends a filter will judge. */
  liveLookBack: 1_024,
  /** Segments whose line places a server of tiles remembers: 2 KB each. */
  placedSegments: 1_024,
  /** Roots of full tiles that a server of tiles remembers for the partial ones above them. */
  rememberedTileRoots: 4_096,
  /** Signed notes: real checkpoints are below 4 KiB even with a dozen cosignatures. */
  noteBytes: 1_000_000,
  /** C2SP asks for at least 16 signature lines; more than this is an attack on our time. */
  noteSignatures: 100,
  /** Rotation notes of one log: each costs two signature checks and a root. A key a week lasts for nineteen years. */
  keyRotations: 1_000,

  /** The last second that RFC 3339 can write (9999-12-31T23:59:59Z): a cosignature of a later one cannot be shown. */
  cosignatureSeconds: 253_402_300_799,
  /** One request to a witness or its answer: a note with a hundred signatures and 63 hashes is below a third of it. */
  witnessMessageBytes: 65_536,
  /** For one exchange with a witness, from connecting to the last byte: a witness that drips holds a place of the runner. */
  witnessAnswerMs: 10_000,
  /** How far the time of a witness may be from ours: more is a wrong clock, or a cosignature kept from another day. */
  witnessSkewMs: 10 * 60_000,
  /** Connections to our own witness at once; each holds at most one message. */
  witnessConnections: 256,
  /** From connecting to the end of a request to our own witness; slower clients are cut off. */
  witnessRequestMs: 10_000,
  /** Requests on one connection to our own witness before it is closed: others get their turn. */
  witnessRequestsPerConnection: 1_000,
  /** Time between two requests on one connection to our own witness; a log signs several times a second under load. */
  witnessKeepAliveMs: 15_000,
  /** Requests for one log that wait for their turn at our own witness; each may cost a flush of the disk. */
  witnessWaiting: 64,
  /** Logs that our own witness knows; each is two small files. */
  witnessLogs: 10_000,

  /** Entries in one write: bounds the latency that a burst adds to the first of its batch. */
  batchEntries: 8_192,
  /** Bytes in one write. */
  batchBytes: 8 * 1024 * 1024,
  /** Events waiting for the disk. Beyond it the caller is told to wait instead of memory growing without end. */
  queuedBytes: 64 * 1024 * 1024,
  /** The longest time between an acknowledged entry and a signature over it. */
  checkpointMs: 200,
  /** Quiet time before an idle log is signed: one signature a burst, not one an entry. */
  checkpointIdleMs: 10,
  /** A client that lost its recorder has this long to come back before its open actions are closed as unknown. */
  orphanGraceMs: 30_000,
  /** Ids remembered for idempotent retries. */
  rememberedIds: 100_000,
  /** Ended runs kept in the registry: a token of one of them is told to be revoked, an older one is just unknown. */
  rememberedRuns: 1_000,

  /** One message on the hand-over socket: the largest entry, escaped, with room for its envelope. */
  socketMessageBytes: 1024 * 1024,
  /** Requests of one client under way at once; beyond it the writer stops reading from that client. */
  socketRequests: 1_024,
  /** Clients of the hand-over socket at once. */
  socketClients: 256,
  /** From connecting to the first request; a client that never says who it is would hold one of those places. */
  socketHelloMs: 5_000,
  /** For one answer of the writer: above any flush of a slow disk. A writer that was stopped never answers. */
  socketAnswerMs: 10_000,
  /** Unix socket paths longer than this fail in the kernel (sun_path). */
  socketPathBytes: 107,

  /** One payload, before and after redaction: what one line of the hand-over socket can bring. */
  payloadBytes: 1024 * 1024,
  /** Of a redacted payload this much is kept unless the machine's configuration says otherwise: a page, not a dump. */
  payloadKeptBytes: 16_384,
  /** Data keys held ready; each belongs to one run, subject and class. One that comes back after leaving costs two flushes. */
  dataKeys: 1_024,
  /** Payloads under one data key. Random nonces of 96 bits then repeat with a chance below 2^-57. */
  dataKeyUses: 1_048_576,
  /** A wrapped data key with what it is for: a few hundred bytes. */
  dataKeyFileBytes: 4_096,
  /** Keys of payloads that do not check, told apart until the log says which were erased; more is damage or an attack. */
  suspectKeys: 100_000,
  /** Days that something is kept: a hundred years, beyond which nobody means a number of days. */
  retentionDays: 36_525,
  /** Between two times that a recorder removes what is due: segments are days long. */
  retainEveryMs: 60 * 60 * 1000,
  /** After a start, before the first time: most commands that write one entry are over by then. */
  retainAfterStartMs: 60_000,
  /** One answer to a request to remove what is due, below `socketAnswerMs`; what is not done by then is asked for again. */
  retainAnswerMs: 5_000,
  /** Names of fields that the configuration adds to those whose values are redacted. */
  redactedFields: 256,
  /** Types and classes that `payloads` in the configuration can name. */
  payloadRules: 256,

  /** Header bytes of one request to the broker (Node's default is the same). */
  requestHeaderBytes: 16_384,
  /** Bodies up to this size with a JSON or form type are read before the decision; others stream. */
  parsedBodyBytes: 1024 * 1024,
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
  /** Silence inside a request body: a client that stalls holds a place. */
  requestBodyIdleMs: 60_000,
  /** A client that takes nothing of its response for this long holds an upstream connection for nothing. */
  clientStallMs: 300_000,
  /** Time between two requests on one client connection; longer than the idle pools of common HTTP clients. */
  clientKeepAliveMs: 65_000,
  /** Client connections to the broker: each call needs one, the rest are idle. */
  clientConnections: 4_096,
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
  /** The policy file. A thousand hosts fit fifty times; a hostile file of brackets still ends within seconds. */
  policyBytes: 1024 * 1024,
  /** A run whose end nobody recorded must not leave a good token behind for ever; agents work for hours, not days. */
  runTokenMs: 24 * 60 * 60 * 1000,

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

  /** Distinct words of one entry that a search for text finds it by: more is a document, not a note. */
  wordsPerEntry: 256,
  /** What of a word is compared: longer runs of letters and digits are keys and hashes. */
  wordChars: 64,
  /** Values of the log that a misspelt name is compared with, most frequent first: some 10 ms. */
  suggestedValues: 5_000,
  /**
   * Files of a log that are written at the same time: enough that a busy process, in which each step waits for its turn,
   * stores tiles faster than entries fill them; far below the descriptors that a process may have.
   */
  filesAtOnce: 64,
  /** Entries of one approval that are shown together: who asks again and again makes ever more. */
  approvalLinks: 64,
  /** Steps of one run that a timeline holds at once, some 2 KB each. */
  timelineSteps: 50_000,
  /** Words of entries that one batch of the index holds in memory: some hundred megabytes at most, also of hostile ones. */
  indexBatchWords: 3_000_000,
  /** How long a reader waits for another process that writes the index and gets nowhere, before it makes one of its own. */
  indexStalledMs: 10_000,
  /** How often the thread that feeds the index looks whether the log has grown. */
  indexTurnMs: 250,
  /** After a failure it tries again after this long: a full disk is not mended within a second. */
  indexRetryMs: 10_000,
  /** How much that thread gives way to others, as nice(1) counts: half of what there is. */
  indexNice: 10,
  /** At the end, for the batch that is being written; a batch that is cut off is written by the next reader. */
  indexCloseMs: 5_000,
  /** Where that thread's young objects live: a batch holds thousands of entries for a while. */
  indexNurseryMb: 64,
  /** How often a reader looks how far another process is that writes the index. */
  indexWaitMs: 50,
  /** Segment files that one query keeps open to read entries from; more than are read from at once. */
  openSegments: 16,
  /** Entries that are read at once, each perhaps from another segment: the disk answers several in the time of one. */
  entriesAhead: 8,
  /** Malformed lines that one reading names; the rest are counted. */
  malformedShown: 20,
  /** Entries older than `--since`, one after the other, after which a reading newest first ends: clocks jump back. */
  olderInARow: 1_024,
  /** Halves of calls that a reading keeps while it looks for the other half; more calls are seldom open at once. */
  rememberedCalls: 10_000,
  /** The same in bytes, for lines that are kept unparsed. */
  rememberedCallBytes: 32 * 1024 * 1024,

  /** One line of a file that is imported: transcripts hold images as base64, several in one line. */
  importLineBytes: 32 * 1024 * 1024,
  /** One row of a CSV file that is imported: twenty cells. An open quote loses no more than this. */
  importRowBytes: 1024 * 1024,
  /** What an imported entry keeps of its record beside its own members, serialised: below `freeObjectBytes`, with room for where it came from. */
  importFieldsBytes: 6_144,
  /** Events of one record: a message of a transcript has a handful of blocks. */
  importParts: 256,
  /** Rows that are sent to the writer and not answered yet. */
  importRows: 1_024,
  /** The same in bytes: a message of them, with its envelope, is below `socketMessageBytes`. */
  importBatchBytes: 768 * 1024,
  /** A payload, or the arguments, of an imported record: the message that brings both has to fit the socket, escaped. Larger ones are told and left out. */
  importPayloadBytes: 256 * 1024,
  /** Lines that an import names as refused; the count has no limit. */
  importRefusals: 1_000,
  /** Kinds of lines that an import counts one by one; the others are counted together. */
  importKinds: 64,

  /** Policy snapshots that an export keeps at hand, a megabyte each at most: calls of one time share one or two. */
  exportPolicies: 16,
  /** The manifest of a bundle: a thousand rotations with their proofs, and as many gaps, are a tenth of it. */
  bundleManifestBytes: 64 * 1024 * 1024,
  /** Policy snapshots of a bundle that its reader looks at: far more than anybody ever had, and a bound for a hostile one. */
  bundlePolicies: 10_000,
  /** Gaps of the log that a manifest lists; their number is true. */
  bundleGaps: 1_000,
  /** Of a filter, what an entry about an export or a read says word by word; of a longer one its hash. */
  recordedFilterBytes: 2_048,
  /** A read waits this long for the recorder that notes it: more is a recorder that hangs, and reading goes on. */
  readNoteMs: 500,

  /** Actions and runs that a judgement of completeness remembers as open: some 50 MB. A log with more is read once for each part. */
  openTold: 200_000,
  /** Into how many parts at most: 12 million open at once. Beyond that the answer says that it is not exact. */
  openParts: 64,
  /** Recorders whose numbers are remembered while a log is judged: one writes at a time, so a log has no use for more. */
  rememberedRecorders: 1_024,
  /** Anchors and sinks that fail, told apart by name: many more than a machine has. */
  rememberedFailing: 1_024,

  /** Shortest time between two checkpoints for one anchor: more often tells the outside nothing new and tires it. */
  anchorEveryLeastMs: 10_000,
  /** Longest: an anchor that is shown less than one checkpoint a year proves nothing about the year. */
  anchorEveryMostMs: 365 * 24 * 60 * 60 * 1000,
  /** Anchors of one machine; each costs requests, receipts and a line in every report. */
  anchors: 32,
  /** The answer of a time stamping authority: a token with a chain of large RSA certificates is a tenth of this. */
  timeStampBytes: 65_536,
  /** Certificates that a token may bring; real ones bring two to four. */
  timeStampCertificates: 16,
  /** Authorities between a token's certificate and a trusted one. */
  timeStampChain: 8,
  /** Issuers tried for one token, each a signature check: certificates that all issue one another must not cost factorials. */
  timeStampSteps: 256,
  /** Files for one size in a directory that is an anchor, beside the first: one cut short cannot be mended there. One digit. */
  fileAnchorTries: 9,
  /** From connecting to the last byte of an anchor's answer, and for one git command: a slow one is retried later. */
  anchorAnswerMs: 30_000,
  /** The answer of a webhook, of which only the hash is kept. */
  webhookAnswerBytes: 65_536,
  /** What one git command may answer: 4,096 commit names, or the directories of a thousand logs. */
  gitOutputBytes: 1024 * 1024,
  /** Old checkpoints read back from one anchor, newest first: a month at one every ten minutes. */
  anchorHeads: 4_096,
  /** One checkpoint, and the rotation notes before it, for one anchor: several exchanges of the time above. */
  anchorAttemptMs: 120_000,
  /** How often the recorder looks whether an anchor is due. */
  anchorTurnMs: 1_000,
  /** After a failure an anchor is asked again after this long, and twice as long after each further one. */
  anchorRetryMs: 15_000,
  /** The longest such wait: an outage of a night is over within the hour. */
  anchorRetryMostMs: 60 * 60 * 1000,
  /** At the end, for what is under way to notice that it was aborted. */
  anchorCloseMs: 2_000,
  /** One answer to a request to anchor now, below `socketAnswerMs`; what is not done by then is asked for again. */
  anchorRunAnswerMs: 5_000,
  /** Entries about anchors that are told apart from news: those of a day in which every anchor fails in two ways. */
  rememberedAnchorEntries: 4_096,
  /** Entries about receipts that one verification holds against the files: two years of one every ten minutes. */
  anchorEntries: 100_000,
  /** Receipts of one anchor that are tried for a time window until one is good: a bad one costs a signature check. */
  windowReceipts: 16,
  /** Entries that name a receipt and are tried for a time window, newest first: each costs two proofs and a signature. */
  windowEntries: 16,
  /** Checkpoints of which cosignatures are checked for one proof file, those with the most first: the first is nearly always it. */
  cosignedCheckpoints: 64,

  /** Days of rows that one baseline is learned from: a year, and the month that a year is compared over. */
  baselineDays: 400,
  /** Distinct hosts, tools, credentials and the like that a baseline keeps of one day, each: what has more is no habit. */
  baselineValues: 256,
  /** Runs that a baseline tells apart on one day: one every 84 seconds. A bit for each is kept with each value. */
  baselineRuns: 1_024,
  /** Hosts of one day whose durations and failures are kept by themselves: some hundred numbers each. */
  baselineHosts: 128,
  /** A stored baseline; a month of an agent with a hundred hosts is below a tenth of it. Larger ones are learned again each time. */
  baselineFileBytes: 32 * 1024 * 1024,
  /** Agents of one overview, those with the most rows: each is learned and judged. */
  baselineAgents: 200,
  /** Agents whose present is followed live at once, those seen last: some megabytes each at most. */
  baselineWatched: 256,
  /** Entries that one deviation names: enough to look at, and the rest is found with a filter. */
  baselineEvidence: 20,
  /** New values of one kind that are told one by one; the rest are counted. */
  baselineNew: 32,
  /** Minutes, hours, runs and open calls of the present that are told apart, each: three days of minutes. */
  baselinePresent: 4_320,

  /** Alert rules in a policy file. Each looks at every entry. */
  alertRules: 64,
  /** Patterns in one list of a rule; each is held against every call. */
  alertPatterns: 64,
  /** One pattern of an alert rule: longer than any host and path that is told apart by it. */
  alertPatternChars: 512,
  /** Of a path, what patterns are held against: no server takes a longer one, and time grows with its length. */
  alertPathChars: 16_384,
  /** The largest number of calls that a rule counts to: beyond it the window is what should be shorter. */
  alertCount: 1_000_000,
  /** The longest window, quiet period or deadline of an alert rule. */
  alertSpanMs: 365 * 24 * 60 * 60 * 1000,
  /** Destinations of alerts on one machine; each has its own queue and its own line in every report. */
  destinations: 16,
  /** Agents, hosts and the like that one rule counts; the one used longest ago is forgotten first. Some 300 bytes each. */
  alertKeys: 10_000,
  /** Pairs of agent and host, tool or credential that a rule takes for known; the one used longest ago is new again. */
  alertKnown: 50_000,
  /** Calls or runs whose end one rule waits for; beyond it the oldest is no longer waited for. */
  alertWaiting: 50_000,
  /** Recorders whose numbers are followed: each start of one is new, and old ones write no more. */
  alertRecorders: 256,
  /** Open alerts of one rule; what comes beyond is counted in one alert. */
  openAlerts: 1_000,
  /** Alerts that one rule raises in an hour; what comes beyond is counted in one alert. A person reads no more. */
  alertsPerHour: 30,
  /** Indices of entries that an alert names. */
  alertEvidence: 16,

  /** Secrets that sign one webhook at once: the new one, the old one, and one that somebody forgot. */
  webhookSecrets: 4,
  /** For one delivery of an alert, from connecting to the last byte; a slow receiver holds up its own queue only. */
  deliveryAnswerMs: 10_000,
  /** After a failure a delivery is tried again after about this long, and twice as long after each further one. */
  deliveryRetryMs: 5_000,
  /** The longest such wait, whatever the receiver asks for. */
  deliveryRetryMostMs: 60 * 60 * 1000,
  /** Tries of one delivery before it is given up: about a day, with the waits above. */
  deliveryTries: 30,
  /** Messages that wait for one destination; beyond it the oldest is given up, which an entry tells of. */
  waitingDeliveries: 1_000,
  /** Messages that were given up and are kept for `tally alerts retry`; entries tell of all of them. */
  deadDeliveries: 4_096,
  /** At the end, for what is under way to notice that it was aborted; it is delivered again by the next start. */
  deliveryCloseMs: 1_000,

  /** Open alerts that are listed; a machine with more has one trouble, not that many. */
  openAlertsListed: 10_000,
  /** Of those, what one answer about the state of the recorder tells; the rest are counted. */
  openAlertsTold: 50,
  /** How often the rules look at what was recorded: a person is told within a second. */
  alertTurnMs: 100,
  /** Niceness of the thread of the rules, where the system has one a thread: an entry costs it some 20 µs, and recording goes first. */
  alertNice: 10,
  /** At the end, for that thread to save what it knows; without it the next start reads what came since the last save. */
  alertCloseMs: 3_000,
  /** When that thread ends by itself, the pause before another one. */
  alertRestartMs: 10_000,
  /** Nothing older than this is still on its way to the disk: by so much the time of the rules is behind the clock. */
  alertLagMs: 2_000,
  /** Time between two saves of what the rules know: what came since is what a start after a crash looks at again. */
  alertSaveMs: 30_000,
  /** Alerts found while catching up that wait for the end of it: those that the log holds are then known. */
  heldAlerts: 10_000,
  /** How often what agents do is compared with what they usually do: it reads an index, and a person needs it within the hour. */
  alertDriftMs: 15 * 60_000,
  /** How often free space is looked at. */
  alertDiskMs: 60_000,
  /** One answer to a request for a test, below `socketAnswerMs`: what is not delivered by then is told as waiting. */
  alertTestMs: 8_000,
} as const;
