/** Which version of Claude Code speaks: from it follows whether a hook that cannot be reached blocks what it guards. */

/** The first that blocks where `onFailure` says so, for hooks over HTTP too; earlier ones go on. */
export const BLOCKS_SINCE = '2.1.295';

const VERSION = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:[-+].*)?$/;

export function isVersion(text: string): boolean {
  return VERSION.test(text);
}

/** False for what is no version: what is not known proves nothing. */
export function isAtLeast(version: string | undefined, least: string): boolean {
  const [have, want] = [VERSION.exec(version ?? ''), VERSION.exec(least)];
  if (have === null || want === null) return false;
  for (const part of [1, 2, 3]) {
    const difference = Number(have[part]) - Number(want[part]);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** `AI_AGENT` of its children: `claude-code_2-1-330_harness`. */
export function versionOfAgent(agent: string | undefined): string | undefined {
  const [, digits] = /^claude-code_(\d+-\d+-\d+)(?:_|$)/.exec(agent ?? '') ?? [];
  return digits?.replaceAll('-', '.');
}
