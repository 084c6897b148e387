/**
 * Types that an imported record may become. What the recorder or an operator does (policies, tokens, keys, the log
 * itself) is not among them: a file must not look as if it had changed anything here.
 */
// biome-ignore format: one line a family
const IMPORTABLE: ReadonlySet<string> = new Set([
  'run.start', 'run.end', 'step.note', 'user.message', 'system.instruction',
  'model.call', 'model.response', 'tool.call', 'tool.result', 'retrieval.query', 'retrieval.result', 'http.call',
  'secret.access', 'decision.made', 'policy.check',
  'approval.request', 'approval.grant', 'approval.deny', 'approval.expire', 'error', 'custom',
]);

export function isImportable(type: string): boolean {
  return IMPORTABLE.has(type);
}

/** The type of the end of an action whose beginning has that type. */
const ENDS: ReadonlyMap<string, string> = new Map([
  ['tool.call', 'tool.result'],
  ['model.call', 'model.response'],
  ['retrieval.query', 'retrieval.result'],
]);

export function endType(type: string): string {
  return ENDS.get(type) ?? type;
}
