/** Hooks of coding agents: what one may post, what is remembered of a session, and how long a call may be held. */
export const HOOK_LIMITS = {
  /** One post. A file that an agent writes is in it twice, input and result, as JSON; beyond it a call is stopped. */
  hookBodyBytes: 32 * 1024 * 1024,
  /** Posts that are read or answered at once: an agent's parallel calls, of a few dozen sessions. */
  hookRequests: 256,
  /** Sessions that are remembered; the one that was silent longest is ended as unknown when another one comes. */
  hookSessions: 200,
  /** Calls of one session that are remembered, to pair ends with beginnings and to compare with the transcript. */
  hookCalls: 5_000,
  /** Subagents of one session whose runs are remembered. */
  hookAgents: 500,
  /** Of a payload as it is handed on; the recorder keeps `payloadKeptBytes` of it unless the machine says otherwise. */
  hookPayloadBytes: 1024 * 1024,
  /** A path, a title, a message in the metadata of an entry. */
  hookTextChars: 512,
  /** Names of members that are not known which an entry lists. */
  hookNames: 16,
  /** How long a call waits for a person, whatever the policy says: clients give a hook ten minutes. */
  hookHoldMs: 9 * 60 * 1000,
  /** What of a transcript is read at once; one that has more unread is said not to have been compared as a whole. */
  hookTranscriptBytes: 256 * 1024 * 1024,
  /** Calls of a transcript that wait to be compared: of a long session that is gone on with, all come at once. */
  hookToldCalls: 20_000,
  /** One line of a transcript, as for an import. */
  hookTranscriptLineBytes: 32 * 1024 * 1024,
  /** A transcript is written behind the session's back: for this long an end waits for what is still to come. */
  hookTranscriptMs: 3_000,
  /** Between two looks at whether it has come. */
  hookTranscriptEveryMs: 100,
  /** Calls that one comparison names; all are counted. */
  hookNamed: 25,
  /** Entries, from the end of the log, in which calls are looked for that this recorder did not see itself. */
  hookLookBack: 100_000,
} as const;
