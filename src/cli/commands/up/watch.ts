/** Takes up changes of the policy: edits of the file, and changes that other commands asked the recorder for. */
import { statSync } from 'node:fs';
import { isTallyError } from '../../../core/error.ts';
import type { Session } from '../../../open.ts';
import type { Context } from '../../context.ts';
import { safe } from '../../output/safe.ts';
import { formatRecent } from '../../output/time.ts';

/** One stat: it also sees a file that an editor replaced, on every file system. */
const POLL_MS = 250;
/** `policy allow` writes the file a moment before it is in force; an editor may write in two steps. */
const SETTLE_MS = 200;

export function watchPolicy(context: Context, session: Session): { close(): void } {
  const { paths, stderr } = context;
  let settle: NodeJS.Timeout | undefined;
  let told = session.recorder?.policy().hash;
  // Unlike any file: what changed between the recorder's start and the first look is taken up too.
  let seen = '';

  function tell(line: string): void {
    const at = formatRecent(new Date(context.now()).toISOString(), context.now(), { utc: false }).slice(0, 8);
    void stderr.line(`${stderr.style.dim(at)} ${line}`);
  }

  async function reload(): Promise<void> {
    try {
      await session.reloadPolicy();
    } catch (error) {
      const stays = session.recorder?.policy().compiled.version ?? '?';
      tell(stderr.style.red(`the policy file is not taken; version ${safe(stays)} stays in force:`));
      for (const line of (error instanceof Error ? error.message : String(error)).split('\n'))
        tell(`  ${safe(line)}`);
      if (isTallyError(error) && error.hint !== undefined) tell(`  hint: ${safe(error.hint)}`);
    }
  }

  function look(): void {
    const found = statSync(paths.policyFile, { bigint: true, throwIfNoEntry: false });
    const now = found === undefined ? 'absent' : `${found.ino} ${found.size} ${found.mtimeNs}`;
    if (now !== seen) {
      seen = now;
      clearTimeout(settle);
      settle = setTimeout(() => void reload(), SETTLE_MS);
    }
    const policy = session.recorder?.policy();
    if (policy === undefined || policy.hash === told) return;
    told = policy.hash;
    const { version, allowlist } = policy.compiled;
    tell(`policy version ${safe(version)} is in force (${allowlist.length} allowed)`);
  }

  const poll = setInterval(look, POLL_MS);
  return {
    close() {
      clearTimeout(settle);
      clearInterval(poll);
    },
  };
}
