/** How the state of an approval is said. */
import type { ApprovalChain } from './approvals.ts';

type State = ApprovalChain['state'];

export const STATE_WORDS: Readonly<Record<State, string>> = {
  unanswered: 'no answer in the log',
  granted: 'granted',
  denied: 'denied',
  expired: 'expired',
  resumed: 'granted',
};

export const STATE_PAINTS: Readonly<Record<State, 'green' | 'red' | 'yellow'>> = {
  unanswered: 'yellow',
  granted: 'green',
  denied: 'red',
  expired: 'red',
  resumed: 'green',
};
