import { expect, it } from 'vitest';

import { tellRejected } from '../../src/pipeline/rejections.ts';
import { anEvent } from '../admin/room.ts';
import { listLog } from './pieces.ts';
import type { Line } from './pieces.ts';

const refused = (reason: string, number: number) => ({ event: anEvent(number, 0), reason, attempts: 1 });

it('tells of dead letters once for each reason, however many there are', () => {
  const lines: Line[] = [];
  tellRejected(listLog(lines), [
    ...Array.from({ length: 500 }, (_, index) => refused(`refused with 400: ${index} bytes`, index)),
    refused('refused with 422: 7 bytes', 900),
    ...Array.from({ length: 40 }, (_, index) => refused(`too old: it is ${index}h old`, index)),
  ]);
  expect(lines).toMatchObject([
    { text: 'events became dead letters', fields: { events: 500, reason: 'refused with 400: 0 bytes' } },
    { text: 'events became dead letters', fields: { events: 1, reason: 'refused with 422: 7 bytes' } },
    { text: 'events were too old for the sink', fields: { events: 40 } },
  ]);
  expect(lines[0]?.fields).toHaveProperty('first_event_id', anEvent(0, 0).id);
});
