/** Parameters of baselines (spec/baseline.md has the formulas). A change of one that learning uses changes `version`. */
export const PARAMS = {
  /** Of a stored model: another one is learned again. */
  version: 1,
  /** With fewer runs nothing is scored. */
  neededRuns: 10,
  /** Days (active ones for hours, weeks for weekdays) before a time of day or a weekday is called unusual. */
  neededDays: 5,
  neededWeeks: 4,
  /** Observations before a tail is fitted to them. */
  neededTail: 20,
  /** The part of a distribution that its tail is fitted to, and how many observations it has at least. */
  tailShare: 0.1,
  tailLeast: 10,
  /** A chance that is this small is worth a look, or an alarm. */
  lookChance: 2e-2,
  alarmChance: 1e-3,
  /** The same for what was never seen before: the share of runs that show something new. */
  lookNew: 1e-1,
  alarmNew: 2e-2,
  /** Answers of a host slower than this quantile of the usual ones are slow. */
  slowQuantile: 0.9,
  /** Fewer failures, stops or slow answers than this are not compared. */
  fewest: 3,
  fewestSlow: 5,
  /** What a first status code of a host counts: it is the host that chose it. */
  responseWeight: 0.8,
  /** The most that the first value of a kind of which there was none before counts, where producers begin to fill it in. */
  firstOfItsKind: 0.6,
  /** What the share of days with activity in the hour before or after counts for the hour between. */
  besideHour: 0.1,
} as const;
