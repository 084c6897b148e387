/** What is asked of a log, brought into it, taken out of it, and judged of it. */
export const QUERY_LIMITS = {
  /** Distinct words of one entry that a search for text finds it by: more is a document, not a note. */
  wordsPerEntry: 256,
  /** What of a word is compared: longer runs of letters and digits are keys and hashes. */
  wordChars: 64,
  /** Values of the log that a misspelt name is compared with, most frequent first: some 10 ms. */
  suggestedValues: 5_000,
  /** Entries of one approval that are shown together: who asks again and again makes ever more. */
  approvalLinks: 64,
  /** A line up to this is read at once, longer ones in another thread: from a slow disk they take long. */
  readNowBytes: 65_536,
  /** Runs that are compared in memory to list those without a start: some 30 MB. */
  listedRuns: 100_000,
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
  /** Different sources that completeness tells apart: there are nine, and others may come. */
  sourcesTold: 32,
  /** Agents of all of them: what is beyond is counted as one, and no list of names may fill the memory of a verifier. */
  sourceAgentsTold: 1_000,
  /** Runs whose steps are counted at once: many more than machines have open; the oldest is judged as it stands. */
  stepsRuns: 10_000,
  /** Steps of a run that may overtake one: as many as its program buffers at most. */
  stepsAhead: 10_000,
  /** Entries that `tally status` judges, the newest: some tenth of a second; `tally verify` judges all. */
  statusEntries: 10_000,
} as const;
