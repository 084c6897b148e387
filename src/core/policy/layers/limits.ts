/** How often somebody may call: every window that the policy asks for has room for one more. */
import { fail, type Layer, PASS, SKIP } from '../layer.ts';
import type { ReasonCode } from '../reasons.ts';
import { countedOf } from '../subject.ts';
import { windowsOf } from '../windows.ts';

const WHOSE: { readonly [reason in ReasonCode]?: string } = {
  rate_limited_user: 'this user',
  rate_limited_agent: 'this agent',
  rate_limited_tenant: 'this tenant',
  rate_limited_global: 'everybody',
  burst_limited: 'this user at once',
};

const seconds = (ms: number): string => `${Math.ceil(ms / 100) / 10} s`;

export const limitsLayer: Layer = {
  name: 'limits',
  evaluate({ request, inputs, policy, index }) {
    if (!index.rated) return SKIP;
    const windows = windowsOf(policy, countedOf(request, inputs));
    if (windows.length === 0) return SKIP;
    let full: (typeof windows)[number] | undefined;
    let freeIn = 0;
    for (const window of windows) {
      // A key holds a slash, and so is no name that every object has.
      const read = inputs.windows?.[window.key];
      if (read === undefined)
        return fail('inputs_missing', `what was counted for ${window.key} was not read for this call`);
      if (read.count < window.rate.count) continue;
      full ??= window;
      // A call fits when the last of them has room, and no window is full for longer than it is.
      const { window_ms } = window.rate;
      freeIn = Math.max(freeIn, Math.min(Math.ceil(read.free_in_ms ?? window_ms), window_ms));
    }
    if (full === undefined) return PASS;
    const { rate, reason } = full;
    return {
      result: 'fail',
      reason,
      message: `too many calls of ${WHOSE[reason] ?? ''}: ${rate.count} in ${seconds(rate.window_ms)} are the most; one more fits in ${seconds(freeIn)}`,
      retry_after_ms: freeIn,
    };
  },
};
