import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { foldHelp } from '../../src/cli/help.ts';

const HELP = `Examples:
  tally policy check     would the file be taken?
  tally policy explain --url https://api.stripe.com   why, or why not

Usage: tally policy [options] [command]

--json prints the decision with its layers, one after
the other, and the state.

Options:
  -h, --help             display help for command
`;

describe('help', () => {
  it('fits a narrow terminal without a broken word, and what fits stays as it is', () => {
    assert.equal(
      foldHelp(HELP, 40),
      `Examples:
  tally policy check
      would the file be taken?
  tally policy explain --url
    https://api.stripe.com
      why, or why not

Usage: tally policy [options] [command]

--json prints the decision with its
layers, one after the other, and the
state.

Options:
  -h, --help
      display help for command
`,
    );
    assert.equal(foldHelp(HELP, 80), HELP);
    assert.equal(foldHelp(HELP, undefined), HELP);
  });
});
