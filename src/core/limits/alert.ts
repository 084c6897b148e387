/** Baselines, alerts, and where they are sent. */
export const ALERT_LIMITS = {
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
