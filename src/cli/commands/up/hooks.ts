/** The hooks of coding agents that the recorder answers, beside its API. */
import { openHooks } from '../../../open/hooks/endpoint.ts';
import type { Session } from '../../../open.ts';
import type { HookEndpoint } from '../../../server/hooks.ts';
import type { Context } from '../../context.ts';

export interface HooksOfUp {
  readonly endpoint: HookEndpoint;
  /** They are served there from now on, or not at all. */
  served(url: string | undefined): void;
  /** Before the recorder is closed: what they still compare is then on record. */
  close(): Promise<void>;
}

/** `undefined` beside another recorder: that one answers them. */
export async function openHooksHere(context: Context, session: Session): Promise<HooksOfUp | undefined> {
  const { recorder } = session;
  if (recorder === undefined) return undefined;
  const { reader } = await context.openReader();
  let told = false;
  const hooks = openHooks({
    recorder,
    reader,
    paths: context.paths,
    onError(error) {
      if (told) return;
      told = true;
      const why = error instanceof Error ? error.message : String(error);
      context.warn(`what a session of Claude Code did could not be compared with its transcript: ${why}`);
    },
  });
  return {
    endpoint: hooks.endpoint,
    served(url) {
      if (url === undefined) return session.setHooks(undefined);
      session.setHooks(() => {
        const { last_ms, ...state } = hooks.state();
        return { url, ...state, ...(last_ms === undefined ? {} : { last: new Date(last_ms).toISOString() }) };
      });
    },
    async close() {
      session.setHooks(undefined);
      await hooks.close();
    },
  };
}
