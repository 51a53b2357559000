import { describe, expect, it } from 'vitest';

import { createSeries, SERIES_MINUTES } from '../../src/admin/series.ts';
import { createRoom, START_MS } from './room.ts';

describe('the series', () => {
  it('counts what happened in each minute', () => {
    const { status, source, splunk } = createRoom();
    const series = createSeries();
    series.sample(status, START_MS);
    source.appended = 5;
    source.visibilityLagMs = 4_000;
    splunk.delivered = 2;
    series.sample(status, START_MS + 30_000);
    source.appended = 8;
    source.visibilityLagMs = 9_000;
    series.sample(status, START_MS + 60_000);
    expect(series.minutes(START_MS)).toMatchObject([
      {
        startMs: START_MS,
        appended: { platform: 5 },
        settled: { splunk: 2, elastic: 0 },
        visibilityLagMs: 4_000,
      },
      { startMs: START_MS + 60_000, appended: { platform: 3 }, visibilityLagMs: 9_000 },
    ]);
  });

  it('tells the rate of the last minute', () => {
    const { status, source } = createRoom();
    const series = createSeries();
    for (let second = 0; second <= 180; second += 5) {
      source.appended = second * 2;
      series.sample(status, START_MS + second * 1_000);
    }
    expect(series.rate('source', 'platform')).toBeCloseTo(120);
    expect(series.rate('sink', 'nobody')).toBe(0);
  });

  it('takes counters that began again for what they are', () => {
    const { status, source } = createRoom();
    const series = createSeries();
    source.appended = 100;
    series.sample(status, START_MS);
    source.appended = 4;
    series.sample(status, START_MS + 5_000);
    expect(series.minutes(START_MS)).toMatchObject([{ appended: { platform: 104 } }]);
  });

  it('never grows beyond its limit, also when the clock jumps', () => {
    const { status } = createRoom();
    const series = createSeries();
    for (let minute = 0; minute < SERIES_MINUTES + 50; minute += 1) {
      series.sample(status, START_MS + minute * 60_000);
      series.sample(status, START_MS);
    }
    expect(series.minutes(0).length).toBe(SERIES_MINUTES);
  });
});
