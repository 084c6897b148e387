/** Who is told of requests for approval while `tally up` runs. */
import { type Notices, openLinkSigner, startNotices } from '../../../open/approval-links.ts';
import { loadConfig } from '../../../open/config.ts';
import type { Session } from '../../../open.ts';
import type { Context } from '../../context.ts';

/** `api`: where this recorder answers over HTTP; without it no link could be opened, and nobody is told. */
export async function openNotices(
  context: Context,
  { recorder, handle, vault }: Session,
  api: string | undefined,
): Promise<Notices | undefined> {
  if (recorder === undefined || handle === undefined) return undefined;
  const { paths, warn, now } = context;
  const settings = () => {
    const { approvals = {}, alerts } = loadConfig(paths.configFile);
    return { approvals, destinations: alerts?.destinations ?? [] };
  };
  if (api === undefined) {
    if ((settings().approvals.notify ?? []).length > 0)
      warn('nobody is told of requests for approval: links need the HTTP server, which is off');
    return undefined;
  }
  const signer = await openLinkSigner(paths);
  const origin = new URL(api).origin;
  return startNotices({ recorder, handle, vault, signer, origin, settings, now, onWarning: warn });
}
