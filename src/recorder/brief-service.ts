/**
 * The service of a writer that lives for one access to a secret. It has what such an access asks. Whatever another process
 * asks meanwhile is carried out all the same: by the whole service, which is loaded then.
 */
import { createGuard } from './guard.ts';
import type { Op } from './ops.ts';
import { recordHandlers } from './record.ts';
import { createPrepare } from './reported.ts';
import { createFewRequests, type Handle } from './requests.ts';
import { secretHandlers } from './secrets.ts';
import type { ServiceOptions } from './service.ts';
import { statusHandlers } from './status.ts';

export function createBriefService(options: ServiceOptions): Handle {
  const { recorder } = options;
  const guard = createGuard(recorder, options.operator);
  const handlers = {
    ...statusHandlers(options),
    ...recordHandlers(recorder, createPrepare(recorder)),
    ...secretHandlers(recorder, guard),
  };
  const own = createFewRequests(recorder, guard, handlers);
  let whole: Promise<Handle> | undefined;

  const isOwn = (op: Op): op is keyof typeof handlers => Object.hasOwn(handlers, op);

  return async (op, params, client) => {
    if (isOwn(op)) return own(op, params, client);
    whole ??= import('./service.ts').then(({ createService }) => createService(options));
    return (await whole)(op, params, client);
  };
}
