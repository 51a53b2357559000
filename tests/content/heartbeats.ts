import type { Document } from './rendered.ts';

const HEARTBEAT = {
  version: 1,
  installation_id: 'b7b5c7d2-0000-4000-8000-000000000001',
  sink: 'elastic',
  stream: '0123456789abcdef',
  number: 7,
  closed_at: '2026-01-02T03:00:00.000Z',
  every_seconds: 300,
  first_seq: 101,
  last_seq: 150,
  events: 49,
  seqs: '101-148,150',
  digest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  filtered: 0,
  dead_letters: 1,
  pruned: '',
  unsealed: '',
  ordered: true,
  waiting: 3,
  open_dead_letters: 1,
  journal_seq: 153,
  journal_sha256: '60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752',
  sources: [{ name: 'platform', frontier: '2026-01-02T02:59:00Z', verified_up_to: null }],
  previous: null,
};

/** A heartbeat in each format that the content searches, as docs/heartbeat.md shows it. */
export const HEARTBEATS: Readonly<Record<'ecs' | 'cim', readonly Document[]>> = {
  ecs: [
    {
      '@timestamp': HEARTBEAT.closed_at,
      message: 'auditferry heartbeat 7 of elastic: 49 events of 101 to 150',
      event: {
        kind: 'state',
        action: 'auditferry.heartbeat',
        id: `auditferry-heartbeat:${HEARTBEAT.stream}:7`,
        module: 'auditferry',
        dataset: 'auditferry.heartbeat',
        provider: 'auditferry',
      },
      ecs: { version: '9.4.0' },
      agent: { type: 'auditferry', name: 'auditferry', version: '0.1.0' },
      tags: ['auditferry-heartbeat'],
      auditferry_heartbeat: HEARTBEAT,
    },
  ],
  cim: [
    {
      vendor_product: 'auditferry',
      event_type: 'auditferry.heartbeat',
      event_id: `auditferry-heartbeat:${HEARTBEAT.stream}:7`,
      severity: 'informational',
      forwarder: 'auditferry',
      forwarder_version: '0.1.0',
      auditferry_heartbeat: HEARTBEAT,
    },
  ],
};
