/**
 * The agent's side, with nothing but fetch: ask, act only when the answer says so, report how it went. A program in any
 * other language does the same three things.
 */
import type { Refund } from './shop.ts';

/** What POST /v1/decisions answers, as far as it is looked at here. */
export interface Answer {
  readonly id: string;
  readonly proceed: boolean;
  readonly decision: { readonly outcome: string; readonly reason?: string; readonly message?: string };
  readonly approval_id?: string;
}

/** One request to the recorder. Anything but a 200 is no answer, and no answer is no permission. */
export async function ask<T>(url: string, token: string, body?: object): Promise<T> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as T & { readonly error?: { readonly message: string } };
  if (response.status !== 200) throw new Error(`${response.status}: ${answer.error?.message ?? 'no answer'}`);
  return answer;
}

export interface Refunder {
  /** Asks, and pays when it may. */
  refund(wanted: Refund): Promise<Answer & { readonly receipt?: string }>;
}

export function refunder(api: string, token: string, shop: string): Refunder {
  return {
    async refund(wanted) {
      const answer = await ask<Answer>(`${api}/decisions`, token, {
        action: { name: 'refund.create' },
        args: wanted,
        reason: `the customer of ${wanted.order} asked for it`,
      });
      if (!answer.proceed) return answer;

      const started = performance.now();
      const paid = await fetch(shop, { method: 'POST', body: JSON.stringify(wanted) });
      const { receipt } = (await paid.json()) as { receipt: string };
      await ask(`${api}/outcomes`, token, {
        decision_id: answer.id,
        outcome: {
          status: paid.ok ? 'ok' : 'error',
          status_code: paid.status,
          duration_ms: Math.round(performance.now() - started),
        },
      });
      return { ...answer, receipt };
    },
  };
}
