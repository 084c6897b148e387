/** Entries by hand, one call a line, and what an engine makes of them. */
import type { Action } from '../../../src/core/alert/action.ts';
import { type AlertEngine, createAlertEngine } from '../../../src/core/alert/engine.ts';
import type { AlertRule } from '../../../src/core/alert/rule.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';

export const START = Date.UTC(2026, 0, 1);
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The one rule of a policy file that says this. */
export function ruleOf(yaml: string): AlertRule {
  const text = `version: "1"\nalerts:\n  defaults: false\n  rules:\n    - ${yaml}\n`;
  const [rule] = compilePolicy(text, { id: 'test' }).compiled.alerts?.rules ?? [];
  if (rule === undefined) throw new Error('no rule');
  return rule;
}

export interface Story {
  readonly engine: AlertEngine;
  readonly entries: JsonObject[];
  /** Appends an entry `at` milliseconds after the start; gives its index. */
  add(at: number, entry: JsonObject): number;
  /** What came since the last time. */
  took(): readonly Action[];
}

export function story(rules: readonly AlertRule[]): Story {
  const engine = createAlertEngine(rules);
  const entries: JsonObject[] = [];
  return {
    engine,
    entries,
    add(at, entry) {
      const index = entries.length;
      const whole: JsonObject = {
        v: 1,
        id: `log_${String(index).padStart(26, '0')}`,
        index,
        ts: new Date(START + at).toISOString(),
        tenant_id: 'local',
        type: 'http.call',
        phase: 'pre_exec',
        source: {
          surface: 'proxy',
          assurance: 'enforced',
          recorder_id: 'rec_1',
          recorder_version: '0',
          seq: index,
        },
        ...entry,
      };
      entries.push(whole);
      engine.see(whole, index);
      return index;
    },
    took: () => engine.take(),
  };
}

export function call(
  agent: string | undefined,
  host: string,
  more: JsonObject & { readonly path?: string; readonly method?: string } = {},
): JsonObject {
  const { path = '/', method = 'GET', ...rest } = more;
  return {
    actor: {
      identity_level: agent === undefined ? 'anonymous' : 'declared',
      ...(agent === undefined ? {} : { agent_id: agent }),
    },
    action: { name: 'http.call', target: { scheme: 'https', host, path, method } },
    ...rest,
  };
}

export const STOPPED: JsonObject = {
  decision: { outcome: 'stop', reason: 'domain_not_in_allowlist', layers: [] },
};

/** `raise policy-failures bot`, `close policy-failures bot quiet`. */
export function told(actions: readonly Action[]): readonly string[] {
  return actions.map((action) =>
    [action.do, action.rule, action.subject, ...(action.do === 'close' ? [action.why] : [])].join(' '),
  );
}

/** What `tally mcp` records of a list of tools: a name and a hash each. */
export function listed(
  server: string,
  hashes: Readonly<Record<string, string>>,
  part = 1,
  parts = 1,
): JsonObject {
  const tools = Object.entries(hashes).map(([tool, hash]) => ({ tool, hash }));
  return {
    type: 'custom',
    phase: 'point',
    source: { surface: 'mcp' },
    metadata: { mcp: { method: 'tools/list', server, part, parts, tools } },
  };
}
