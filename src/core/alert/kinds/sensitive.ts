/** A call of an endpoint, a tool or with a credential that somebody named as sensitive. */
import { type Look, whoIn } from '../look.ts';
import { matchesPattern } from '../pattern.ts';
import type { SensitiveRule } from '../rule.ts';
import { dedupeKey, type MakeMatcher } from './kind.ts';

/** Without a slash it is of the host alone, whatever is asked of it. */
function matchesEndpoint(pattern: string, host: string, endpoint: string): boolean {
  return matchesPattern(pattern, endpoint) || (!pattern.includes('/') && matchesPattern(pattern, host));
}

export const sensitive: MakeMatcher<SensitiveRule> = (rule, teller) => {
  const methods = rule.methods?.map((method) => method.toUpperCase());

  function found(look: Look): { readonly what: string; readonly ref?: string } | undefined {
    const { host, path = '/', method = '', tool } = look;
    if (host !== undefined && (methods === undefined || methods.includes(method.toUpperCase()))) {
      const endpoint = `${host}${path}`;
      if (rule.endpoints.some((pattern) => matchesEndpoint(pattern, host, endpoint)))
        return { what: `${method} ${endpoint}`.trim() };
    }
    if (tool !== undefined && rule.tools.some((pattern) => matchesPattern(pattern, tool)))
      return { what: `the tool ${tool}` };
    const ref = look.credentials.find((one) =>
      rule.credentials.some((pattern) => matchesPattern(pattern, one)),
    );
    return ref === undefined ? undefined : { what: `the credential ${ref}`, ref };
  }

  return {
    see(look) {
      if (!look.call) return;
      const match = found(look);
      if (match === undefined) return;
      const { what, ref } = match;
      const verb = look.decision === 'stop' ? 'was stopped when it asked for' : 'called';
      teller.hit({
        // One sensitive credential must not hide that another one is used.
        key: dedupeKey(rule, ['agent', 'host', 'tool', 'credential'], look, ref),
        subject: what,
        message: () => `${whoIn(look)} ${verb} ${what}, which the rule ${rule.name} names as sensitive`,
        at: look.ms,
        evidence: [look.index],
      });
    },
    save: () => null,
  };
};
