/** Entries, the log that holds them, and the witnesses of it. */
export const LOG_LIMITS = {
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
  /** Of a snapshot, what is written for each entry at most: with 100,000 tokens it has 35 MB, a second's worth of folding. */
  snapshotBytesAnEntry: 256,
  /** Between two looks at whether the open segment still lies under its name: what was deleted takes no more than this. */
  segmentLookMs: 50,
  /** After a start, before old segments are sealed: most commands that write one entry are over by then. */
  sealAfterStartMs: 1_000,
  /** What one frame of a sealed segment decompresses to: 256 entries and their newlines. A bomb ends here. */
  sealedFrameBytes: 256 * 65_536,
  /** Files that killed processes left beside one that is written; each kill leaves one at most. Of more, a person is told. */
  leftoverFiles: 1_000,
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
} as const;
