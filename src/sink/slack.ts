/**
 * An incoming webhook as Slack and those who copied it understand it: `text`, and blocks. Its URL is its secret. What
 * comes from the log is escaped, so that an agent's name can be no mention of everybody and no link.
 */
import { clip } from '../core/alert/event.ts';
import type { Severity } from '../core/alert/rule.ts';
import { encodeUtf8 } from '../core/bytes.ts';
import type { Clock } from '../core/ports.ts';
import type { AskedFor, Destination, Message } from './driver.ts';
import { post, type ReadSecret, urlNamed } from './endpoint.ts';
import type { DestinationSetting } from './setting.ts';

export function createSlack(
  setting: Extract<DestinationSetting, { type: 'slack' }>,
  { read, now, timeoutMs }: { readonly read: ReadSecret; readonly now: Clock; readonly timeoutMs?: number },
): Destination {
  const { name } = setting;
  return {
    name,
    type: 'slack',
    async deliver(message, signal) {
      await post({
        who: `the Slack-compatible webhook ${name}`,
        url: urlNamed(read, setting.url_secret),
        body: encodeUtf8(JSON.stringify(slackBody(message, name))),
        headers: { 'content-type': 'application/json' },
        now,
        signal,
        timeoutMs,
      });
    },
  };
}

/** Slack refuses sections of more than 3,000 characters, and escaping makes them longer. */
const TEXT_CHARS = 2_900;
/** Indices shown; the entry names all. */
const SHOWN = 8;

/** Line ends, other control characters, and what turns text around or hides it: one alert looks like one alert. */
const HOSTILE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** Stands between two characters and is not seen. */
const BETWEEN = '\u2060';

/**
 * The three characters that Slack gives a meaning: with them gone no mention and no link can be formed. Those who copied
 * it read Markdown, in which `@all` is everybody, and `[a](b)` a link that says something else.
 */
export function escapeSlack(text: string): string {
  return text
    .replace(HOSTILE, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('](', `]${BETWEEN}(`)
    .replace(/(^|[^\p{L}\p{N}])@(?=[\p{L}\p{N}])/gu, `$1@${BETWEEN}`);
}

interface Told {
  readonly text: string;
  readonly detail: string;
}

export function slackBody(message: Message, destination: string): Readonly<Record<string, unknown>> {
  const { text, detail } = tell(message, destination);
  return {
    text,
    // Nothing in it is fetched by whoever shows it, and no name is made a link or a mention.
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text, verbatim: true } },
      { type: 'context', elements: [{ type: 'plain_text', text: detail }] },
    ],
  };
}

const SIGNS: Readonly<Record<Severity, string>> = { info: '🔵', warning: '🟠', critical: '🔴' };

/** The link is ours, and the only one in it. */
function tellAsked(asked: AskedFor, { log, id }: Message, destination: string): Told {
  const { action, agent, user, message, rule, arguments: args } = asked;
  const own = asked.to.get(destination);
  const who = [agent, user === undefined ? undefined : `for ${user}`].filter((one) => one !== undefined);
  const why = [message, rule === undefined ? undefined : `rule ${rule}`].filter((one) => one !== undefined);
  const words = `✋ ${own?.approver ?? ''}: ${who.join(' ') || 'somebody'} asks for ${action}${args === undefined ? '' : ` ${args}`}${why.length === 0 ? '' : ` (${why.join(', ')})`}`;
  const link = own === undefined ? '' : `\n<${own.url}|Look at it, and answer> until ${asked.expires_at}`;
  return { text: `${safeText(words)}${link}`, detail: clip(`${log} · ${id}`, TEXT_CHARS) };
}

function tell(whole: Message, destination: string): Told {
  const { about, log, id } = whole;
  if ('asked' in about) return tellAsked(about.asked, whole, destination);
  if ('closed' in about) {
    const { severity: _severity, rule, subject, why, reason } = about.closed;
    const words = `✅ closed (${why}): ${rule}, ${subject}${reason === undefined ? '' : `: ${reason}`}`;
    return { text: safeText(words), detail: clip(`${log} · ${about.closed.alert}`, TEXT_CHARS) };
  }
  const { severity, rule, message, evidence, test } = about.raised;
  const marked = test ? 'TEST, nothing happened: ' : '';
  const newest = evidence.slice(-SHOWN);
  const entries = newest.length === 0 ? '' : ` · entries ${newest.join(', ')}`;
  return {
    text: safeText(`${SIGNS[severity]} ${marked}${severity}, ${rule}: ${message}`),
    detail: clip(`${log}${entries} · ${id}`, TEXT_CHARS),
  };
}

/** Formatting marks stay what they are, since a name with a star in it is no secret; mentions and links are broken. */
function safeText(text: string): string {
  // What `&lt;` would be cut in the middle of is left out first.
  return escapeSlack(clip(text, TEXT_CHARS / 5));
}
