import { Secret } from '../../src/model/secret.ts';
import { msToNs } from '../../src/model/time.ts';
import { createPlatform } from '../../src/simulator/platform.ts';
import { createCloudquery } from '../../src/sources/cloudquery/source.ts';
import { silentContext, sourceContract } from '../contract/source.ts';
import { createDoorLog, DOOR_KEY, doorSource, idOf, wholeWindow } from '../fakes/door-log.ts';
import { platformHttp } from '../fakes/platform-http.ts';
import { elapse, simulatedClock, startSimulatedTime, stopSimulatedTime } from '../fakes/simulated-time.ts';
import { sourceOptions } from '../fakes/source-room.ts';

const START = Date.parse('2026-01-02T12:00:00Z');
const MINUTE = 60_000;
const KEY = 'cqp_0123456789';

sourceContract({
  name: 'cloudquery',
  begin() {
    startSimulatedTime(START);
    const platform = createPlatform({ history: 1000, rate: 0, api_key: KEY, seed: 3 }, () => Date.now());
    return {
      open: () =>
        createCloudquery(
          sourceOptions({ api_key: Secret.of(KEY) }),
          silentContext(simulatedClock(() => 0.5)),
          platformHttp(platform),
        ),
      add(events) {
        const lastMs = Date.now();
        platform.insert(
          Array.from({ length: events }, (_, index) => ({
            createdAt: new Date(lastMs - (events - 1 - index) * 50).toISOString(),
          })),
        );
      },
      shown: () => ({
        ids: new Set(platform.visibleEvents().flatMap(({ id }) => (id === null ? [] : [id]))),
        window: { startNs: msToNs(START - MINUTE), endNs: msToNs(Date.now()) },
      }),
      fail: (how) =>
        platform.set({
          api_key: how === 'refused' ? 'another' : KEY,
          faults: { share: how === 'silent' ? 1 : 0, kinds: ['hang'] },
        }),
      run: elapse,
      settle: () => elapse(new Promise((resolve) => setTimeout(resolve, 2 * MINUTE))),
      secretTexts: [KEY],
    };
  },
  end: stopSimulatedTime,
});

sourceContract({
  name: 'doors, a second kind',
  begin() {
    const log = createDoorLog();
    const doors = doorSource(log);
    const options = { building: 'hq.example', key: Secret.of(DOOR_KEY), kept: 7 * 24 * 60 * MINUTE };
    return {
      open: () => doors.create(options, silentContext(simulatedClock(() => 0.5))),
      add: (events) => log.add(events),
      shown: () => ({ ids: new Set(log.entries.map(idOf)), window: wholeWindow(log) }),
      fail: (how) => (log.failure = how),
      run: (work) => work,
      settle: async () => {},
      secretTexts: [DOOR_KEY],
    };
  },
});
