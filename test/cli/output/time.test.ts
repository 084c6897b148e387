import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatDuration, formatRecent, formatTime, parseMoment } from '../../../src/cli/output/time.ts';
import { isTallyError } from '../../../src/core/error.ts';

const UTC = { utc: true };
const LOCAL = { utc: false };
const NOW = Date.UTC(2026, 10, 21, 13, 30);
const iso = (text: string, zone = UTC): string => new Date(parseMoment(text, NOW, zone)).toISOString();

describe('a moment', () => {
  for (const [text, expected] of [
    ['10m', '2026-11-21T13:20:00.000Z'],
    ['1.5h', '2026-11-21T12:00:00.000Z'],
    ['7d', '2026-11-14T13:30:00.000Z'],
    ['now', '2026-11-21T13:30:00.000Z'],
    ['today', '2026-11-21T00:00:00.000Z'],
    ['yesterday', '2026-11-20T00:00:00.000Z'],
    ['09:15', '2026-11-21T09:15:00.000Z'],
    ['2026-11-01', '2026-11-01T00:00:00.000Z'],
    ['2026-11-01 08:00', '2026-11-01T08:00:00.000Z'],
    ['2026-11-01T08:00:00.5', '2026-11-01T08:00:00.500Z'],
    ['2026-11-01T08:00:00+02:00', '2026-11-01T06:00:00.000Z'],
  ] as const) {
    it(`reads ${text}`, () => assert.equal(iso(text), expected));
  }

  it('is in the local zone unless it names one', () => {
    assert.equal(parseMoment('2026-11-01T08:00', NOW, LOCAL), new Date(2026, 10, 1, 8).getTime());
    assert.equal(parseMoment('2026-11-01', NOW, LOCAL), new Date(2026, 10, 1).getTime());
    assert.equal(parseMoment('2026-11-01T08:00Z', NOW, LOCAL), Date.UTC(2026, 10, 1, 8));
  });

  it('refuses everything else with a hint, and never throws anything but that', () => {
    const texts = fc.oneof(fc.string(), fc.constantFrom('10', 'soon', '2026-13-01', '25:99', '-5m', ''));
    fc.assert(
      fc.property(texts, (text) => {
        try {
          assert.ok(Number.isFinite(parseMoment(text, NOW, UTC)));
        } catch (error) {
          assert.ok(isTallyError(error) && error.code === 'USAGE' && error.hint !== undefined);
        }
      }),
    );
  });
});

describe('a time', () => {
  it('is as short as it can be told', () => {
    assert.equal(formatRecent('2026-11-21T01:02:03.004Z', NOW, UTC), '01:02:03.004');
    assert.equal(formatRecent('2026-10-21T01:02:03.004Z', NOW, UTC), '10-21 01:02:03');
    assert.equal(formatRecent('2025-11-21T01:02:03.004Z', NOW, UTC), '2025-11-21 01:02');
  });

  it('is shown as it stands when it is none', () => {
    assert.equal(formatTime('yesterdayish', UTC), 'yesterdayish');
  });

  it('names the zone it is in when that is UTC', () => {
    assert.equal(formatTime('2026-11-21T01:02:03.004Z', UTC), '2026-11-21 01:02:03.004Z');
  });
});

describe('a duration', () => {
  for (const [ms, expected] of [
    [0.42, '0.4 ms'],
    [87.4, '87 ms'],
    [1240, '1.24 s'],
    [125_000, '2m 05s'],
    [12_000_000, '3h 20m'],
  ] as const) {
    it(`of ${ms} ms reads ${expected}`, () => assert.equal(formatDuration(ms), expected));
  }
});
