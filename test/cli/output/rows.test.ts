import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rowCells, rowColumns } from '../../../src/cli/output/rows.ts';
import { styleFor } from '../../../src/cli/output/style.ts';
import { factsOf } from '../../../src/core/query/call.ts';

const status = (outcome: { status: string; status_code?: number }): string | undefined => {
  const first = { index: 1, type: 'http.call', phase: 'pre_exec', decision: { outcome: 'allow' } };
  const facts = factsOf({ first, last: { index: 2, type: 'http.call', phase: 'post_exec', outcome } });
  const options = { style: styleFor(false), zone: { utc: true }, nowMs: 0, raw: false };
  return rowCells(facts, options)[rowColumns(false).findIndex(({ header }) => header === 'STATUS')]?.text;
};

describe('a row of the log', () => {
  it('says that a call was cut, not which code its caller got for it', () => {
    assert.equal(status({ status: 'aborted', status_code: 403 }), 'aborted');
    assert.equal(status({ status: 'ok', status_code: 404 }), '404');
    assert.equal(status({ status: 'blocked', status_code: 403 }), '403');
    assert.equal(status({ status: 'ok' }), 'ok');
  });
});
