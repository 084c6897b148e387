/**
 * The id of an agent out of the name that somebody gave it. Ids become file names, YAML keys and header values, so their
 * alphabet is small; frameworks let people write "Refund Agent". Pure: the same name is the same id everywhere.
 */
export const AGENT_ID = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}$/;
const CHARS = 128;
/** So much of a name is looked at: more cannot become part of the id, but by runs that become one mark. */
const READ_CHARS = 4_096;

/**
 * An id is left as it is. Of everything else each run of characters that no id has becomes one `-`; marks at the beginning
 * and `-` at the end go, and so does what is beyond 128. Undefined: nothing is left of it that could be an id.
 */
export function agentIdOf(name: unknown): string | undefined {
  if (typeof name !== 'string') return undefined;
  if (AGENT_ID.test(name)) return name;
  const text = name
    .slice(0, READ_CHARS)
    .replace(/[^A-Za-z0-9._:@/-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, CHARS)
    // Not by /-+$/: it would look at every run of marks again from each of its characters.
    .split('');
  while (text.at(-1) === '-') text.pop();
  return text.length === 0 ? undefined : text.join('');
}
