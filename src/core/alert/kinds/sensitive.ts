/** A call of an endpoint, a tool or with a credential that somebody named as sensitive. */
import { type Look, whoIn } from '../look.ts';
import { matchesPattern } from '../pattern.ts';
import type { SensitiveRule } from '../rule.ts';
import { dedupeKey, type MakeMatcher } from './kind.ts';

export const sensitive: MakeMatcher<SensitiveRule> = (rule, teller) => {
  const methods = rule.methods?.map((method) => method.toUpperCase());

  function found(look: Look): string | undefined {
    const { host, path = '/', method = '', tool } = look;
    if (host !== undefined && (methods === undefined || methods.includes(method.toUpperCase()))) {
      const endpoint = `${host}${path}`;
      if (rule.endpoints.some((pattern) => matchesPattern(pattern, endpoint)))
        return `${method} ${endpoint}`.trim();
    }
    if (tool !== undefined && rule.tools.some((pattern) => matchesPattern(pattern, tool)))
      return `the tool ${tool}`;
    const ref = look.credentials.find((one) =>
      rule.credentials.some((pattern) => matchesPattern(pattern, one)),
    );
    return ref === undefined ? undefined : `the credential ${ref}`;
  }

  return {
    see(look) {
      if (!look.call) return;
      const what = found(look);
      if (what === undefined) return;
      const verb = look.decision === 'stop' ? 'was stopped when it asked for' : 'called';
      teller.hit({
        key: dedupeKey(rule, ['agent', 'host', 'tool'], look),
        subject: what,
        message: () => `${whoIn(look)} ${verb} ${what}, which the rule ${rule.name} names as sensitive`,
        at: look.ms,
        evidence: [look.index],
      });
    },
    save: () => null,
  };
};
