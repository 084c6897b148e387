/**
 * `GET` and `POST /a/LINK`: an approval by a link that was sent to a person. Looking decides nothing, since mail and chat
 * programs look at links before people do; the form of the page does. The link is the proof: it was made here, for this
 * request and this person, and has not ended. What is refused is on record.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LinkClaim, LinkSigner } from '../../core/approval-link.ts';
import type { Event } from '../../core/entry.ts';
import { isTallyError, TallyError } from '../../core/error.ts';
import { LIMITS } from '../../core/limits.ts';
import { roleOf } from '../../core/policy/principal.ts';
import type { Principal } from '../../core/policy/types.ts';
import { type Answering, answerApproval } from '../../recorder/approval-handlers.ts';
import type { ListedApproval } from '../../recorder/governance-ops.ts';
import type { LocalRecorder } from '../../recorder/recorder.ts';
import type { Handle } from '../../recorder/requests.ts';
import { recordStop, stopDecision } from '../../recorder/stopped.ts';
import type { Resource } from '../http.ts';
import { createBodies } from './body.ts';
import { askPage, PAGE_HEADERS, tellPage, time } from './link-page.ts';
import { ApiError, isUnavailable } from './reply.ts';

export const LINK_PATH = '/a/';

export interface LinkOptions {
  readonly recorder: LocalRecorder;
  readonly handle: Handle;
  readonly signer: LinkSigner;
  /** The user that this recorder runs as. */
  readonly self: { readonly user?: string };
  /** Where links begin besides this machine's own names: that of a proxy in front of it. Asked anew for each request. */
  readonly origin: () => string | undefined;
}

interface Page {
  readonly status: number;
  readonly html: string;
}

const PRODUCER = { surface: 'http', assurance: 'enforced' } as const;
const MINUTE_MS = 60_000;

export function linkResource(
  { recorder, handle, signer, self, origin }: LinkOptions,
  hosts: ReadonlySet<string>,
  onError: (error: unknown) => void,
): Resource {
  const bodies = createBodies();
  let minute = 0;
  let refusals = 0;

  function personOf({ approver }: LinkClaim): Principal {
    const isOwner = recorder.policy().compiled.users === undefined && approver === self.user;
    return { id: approver, source: isOwner ? 'owner' : 'token' };
  }

  /** Whoever has the link is taken for the person whom it was sent to; that is inferred, and said so. */
  function saidOf(by: Principal): Pick<Event, 'actor' | 'quality'> {
    const role = roleOf(recorder.policy().compiled, by);
    return {
      actor: { identity_level: 'anonymous', user: { id: by.id }, ...(role === undefined ? {} : { role }) },
      quality: { 'actor.user': 'inferred' },
    };
  }

  /** Guessing costs nothing, and must not fill the log: beyond some a minute they are counted in the next entry. */
  async function recordRefusal(claimed: LinkClaim | undefined, type: string, why: string): Promise<void> {
    const now = Math.floor(recorder.now() / MINUTE_MS);
    if (now !== minute) {
      minute = now;
      refusals = 0;
    }
    if (++refusals > LIMITS.apiRefusedLinks) return;
    const decision = stopDecision(recorder, 'approval.grant', {
      layer: 'approval',
      reason: why === 'expired' ? 'approval_expired' : 'token_invalid',
      why: `an approval link was refused: ${why}`,
    });
    await recordStop(
      recorder,
      { surface: 'http' },
      {
        type,
        actor: { identity_level: 'anonymous' },
        metadata: {
          link: why,
          ...(claimed === undefined ? {} : { approval: claimed.approval, sent_to: claimed.approver }),
          ...(refusals === LIMITS.apiRefusedLinks ? { more: 'not recorded in this minute' } : {}),
        },
      },
      decision,
    );
  }

  function answering(by: Principal): Answering {
    return {
      by,
      producer: PRODUCER,
      event: (type, metadata) => ({
        type,
        phase: 'point',
        ...saidOf(by),
        metadata: { ...metadata, via: 'link' },
        outcome: { status: 'ok' },
      }),
      refused: (event, { reason, why }) =>
        recordStop(
          recorder,
          { surface: 'http' },
          { ...event, actor: saidOf(by).actor ?? {}, metadata: { ...event.metadata, via: 'link' } },
          stopDecision(recorder, 'approval.grant', { layer: 'approval', reason, why }),
        ),
    };
  }

  async function listed({ approval }: LinkClaim): Promise<ListedApproval | undefined> {
    try {
      return (await handle('approval.list', { id: approval }, { surface: 'http' })).approvals[0];
    } catch (error) {
      if (isTallyError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async function respond(request: IncomingMessage): Promise<Page> {
    const isPost = request.method === 'POST';
    if (!isPost && request.method !== 'GET' && request.method !== 'HEAD')
      return { status: 405, html: tellPage('Not that way', 'Open the link in a browser.') };
    if (!isFromHere(request, hosts, origin(), isPost))
      return {
        status: 403,
        html: tellPage('Refused', 'This page was asked for under another name, or from another page.'),
      };
    const checked = signer.check((request.url ?? '').slice(LINK_PATH.length), recorder.now());
    if ('refused' in checked) {
      if (checked.refused === 'malformed')
        return {
          status: 404,
          html: tellPage('No such link', 'A part of it may be missing: copy it as a whole.'),
        };
      // Programs look at links that have ended, and that says nothing; a form that is sent does.
      if (isPost || checked.refused === 'forged')
        await recordRefusal(
          'claim' in checked ? checked.claim : undefined,
          'approval.grant',
          checked.refused,
        );
      return checked.refused === 'expired'
        ? {
            status: 410,
            html: tellPage('Too late', 'Nobody answered in time. Whoever asked has to ask again.'),
          }
        : { status: 403, html: tellPage('Refused', 'This link was not made here.') };
    }
    const { claim } = checked;
    if (isPost) return answer(request, claim);
    const approval = await listed(claim);
    if (approval === undefined)
      return { status: 404, html: tellPage('Nothing to answer', 'There is no such request any more.') };
    if (approval.status !== 'pending') return settled(approval);
    return { status: 200, html: askPage(approval, claim.approver) };
  }

  async function answer(request: IncomingMessage, claim: LinkClaim): Promise<Page> {
    const { bytes, done } = await bodies.read(request, LIMITS.apiFormBytes);
    done();
    const form = new URLSearchParams(bytes.toString('utf8'));
    const decision = form.get('decision');
    if (decision !== 'grant' && decision !== 'deny')
      return { status: 400, html: tellPage('Not understood', 'Use the buttons of the page.') };
    const reason = form.get('reason')?.trim() ?? '';
    try {
      const { approver, expires_at } = await answerApproval(
        recorder,
        decision,
        { id: claim.approval, ...(reason === '' ? {} : { reason: reason.slice(0, 500) }) },
        answering(personOf(claim)),
      );
      return decision === 'grant'
        ? {
            status: 200,
            html: tellPage('Approved', `By ${approver}. It can be used once, until ${time(expires_at)}.`),
          }
        : { status: 200, html: tellPage('Denied', `By ${approver}. Whoever asked is told.`) };
    } catch (error) {
      if (!(error instanceof TallyError)) throw error;
      const approval = await listed(claim);
      if (approval !== undefined && approval.status !== 'pending') return settled(approval);
      if (isUnavailable(error)) throw error;
      return { status: error.code === 'NOT_FOUND' ? 404 : 403, html: tellPage('Refused', error.message) };
    }
  }

  function settled({ status, approver }: ListedApproval): Page {
    if (status === 'expired')
      return {
        status: 410,
        html: tellPage('Too late', 'Nobody answered in time. Whoever asked has to ask again.'),
      };
    const by = approver === undefined ? '' : ` by ${approver}`;
    const what = status === 'denied' ? 'denied' : status === 'used' ? 'approved, and used' : 'approved';
    return { status: 409, html: tellPage('Answered before', `It was ${what}${by}. A link works once.`) };
  }

  return {
    open: true,
    owns: (path) => path.startsWith(LINK_PATH),
    async answer(request, response) {
      let page: Page;
      try {
        page = await respond(request);
      } catch (error) {
        if (error instanceof ApiError)
          page = { status: error.status, html: tellPage('Refused', error.message) };
        else if (isUnavailable(error))
          page = {
            status: 503,
            html: tellPage(
              'Not recorded',
              'The log cannot be written, so nothing was decided. Try again later.',
            ),
          };
        else {
          onError(error);
          page = {
            status: 500,
            html: tellPage('It failed', 'Nothing was decided. The output of `tally up` says more.'),
          };
        }
      }
      sendPage(request, response, page);
    },
  };
}

function sendPage(request: IncomingMessage, response: ServerResponse, { status, html }: Page): void {
  if (response.headersSent || response.destroyed) return;
  // What is left of a body that nobody reads must not be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, { ...PAGE_HEADERS, 'Content-Length': String(Buffer.byteLength(html)) });
  response.end(request.method === 'HEAD' ? undefined : html);
  if (!request.complete) request.resume();
}

/**
 * Under a name of this machine, or the one that links are sent with: a page whose own name was made to lead here could
 * read what it was given otherwise. A form has to come from the page itself.
 */
function isFromHere(
  { headers }: IncomingMessage,
  hosts: ReadonlySet<string>,
  configured: string | undefined,
  isPost: boolean,
): boolean {
  const outside = configured === undefined ? null : URL.parse(configured);
  const host = headers.host?.toLowerCase() ?? '';
  if (!hosts.has(host) && host !== outside?.host) return false;
  if (!isPost || headers.origin === undefined) return true;
  return headers.origin === outside?.origin || headers.origin === `http://${host}`;
}
