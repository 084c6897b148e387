/** Loaded first, with `--import`: from then on nothing is redacted, so that a search for secrets can be seen to find them. */
import { registerHooks } from 'node:module';

const NOT_REDACTED = `
export function createRedactor(options) {
  const same = (value) => ({ value, count: 0, rules: {} });
  const bytes = (entry) => encodeUtf8(serializeEntry(entry));
  return { ...ownRedactor(options), setSecret: () => true, redactEntry: bytes, redact: same, redactValue: same, redactText: same };
}`;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!/\/core\/redact\/redact\.[jt]s$/.test(url)) return loaded;
    const source = String(loaded.source).replace('export function createRedactor(', 'function ownRedactor(');
    return { ...loaded, source: source + NOT_REDACTED };
  },
});
