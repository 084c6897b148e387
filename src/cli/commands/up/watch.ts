/** Takes up changes of the policy: edits of the file, and changes that other commands asked the recorder for. */
import { type StatsListener, unwatchFile, watchFile } from 'node:fs';
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

  function tell(line: string): void {
    const at = formatRecent(new Date(context.now()).toISOString(), context.now(), { utc: false }).slice(0, 8);
    void stderr.line(`${stderr.style.dim(at)} ${line}`);
  }

  async function reload(): Promise<void> {
    try {
      await session.reloadPolicy();
    } catch (error) {
      const why = isTallyError(error) ? error : undefined;
      const stays = session.recorder?.policy().compiled.version ?? '?';
      tell(stderr.style.red(`the policy file is not taken; version ${safe(stays)} stays in force:`));
      for (const line of (error instanceof Error ? error.message : String(error)).split('\n'))
        tell(`  ${safe(line)}`);
      if (why?.hint !== undefined) tell(`  hint: ${safe(why.hint)}`);
    }
  }

  const changed: StatsListener = () => {
    clearTimeout(settle);
    settle = setTimeout(() => void reload(), SETTLE_MS);
  };
  watchFile(paths.policyFile, { interval: POLL_MS, persistent: false }, changed);
  const poll = setInterval(() => {
    const policy = session.recorder?.policy();
    if (policy === undefined || policy.hash === told) return;
    told = policy.hash;
    const { version, allowlist } = policy.compiled;
    tell(`policy version ${safe(version)} is in force (${allowlist.length} allowed)`);
  }, POLL_MS);

  return {
    close() {
      clearTimeout(settle);
      clearInterval(poll);
      unwatchFile(paths.policyFile, changed);
    },
  };
}
