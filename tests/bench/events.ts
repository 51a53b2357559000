/** What one benchmark run carries: items as the Platform writes them, oldest first, about 1.5 KB each. */
export interface Corpus {
  readonly items: readonly Buffer[];
  /** created_at of each item, milliseconds since 1970, ascending. */
  readonly times: readonly number[];
}

const TYPES = [
  'user_login',
  'sync_created',
  'sync_updated',
  'apikey_created',
  'apikey_deleted',
  'policy_updated',
  'rbac_role_updated',
  'saml_updated',
];

const PERMISSIONS = ['Read findings', 'Read assets', 'Manage syncs'].map((name, index) => ({
  id: `5d3f0a1e-2f5b-4d7e-9c00-00000000b00${index}`,
  name,
  description: `${name} of every account in the organization`,
  query: `SELECT _cq_platform_id FROM cloud_assets WHERE account_id IN (SELECT id FROM accounts WHERE tier = ${index})`,
}));

/** `count` events spread evenly over the `spanMs` before `endMs`. */
export function makeCorpus(count: number, endMs: number, spanMs: number): Corpus {
  const items: Buffer[] = [];
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const ms = timeOf(index, count, endMs, spanMs);
    times.push(ms);
    items.push(Buffer.from(textOf(index, ms)));
  }
  return { items, times };
}

/** When one of so many events was created, milliseconds since 1970. */
export function timeOf(index: number, count: number, endMs: number, spanMs: number): number {
  return endMs - spanMs + Math.floor((spanMs * index) / count);
}

/** Random enough, and the same for the same event whenever it is asked for. */
export function idOf(index: number): string {
  const digits = (seed: number): string => (Math.imul(index + 1, seed) >>> 0).toString(16).padStart(8, '0');
  const [a, b, c] = [digits(0x9e3779b1), digits(0x85ebca6b), digits(0xc2b2ae35)];
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-9${c.slice(1, 4)}-${c.slice(4)}${index.toString(16).padStart(8, '0')}`;
}

/** Three in four hold a number that a double cannot. */
export function textOf(index: number, ms: number): string {
  const text = JSON.stringify(eventOf(index, ms));
  return index % 4 === 0 ? text : text.replace('"checksum":', '"checksum":1234');
}

function eventOf(index: number, ms: number): object {
  const person = index % 40;
  return {
    id: idOf(index),
    user: {
      id: `7d3f0a1e-2f5b-4d7e-9c00-0000000000${String(person).padStart(2, '0')}`,
      email: `person-${person}@example.com`,
      name: `Person ${person}`,
      enabled: true,
      provider: 'saml',
      mfa_configured: person % 3 !== 0,
      roles: [
        { id: '1', name: 'Admin', type: 'admin:read', description: 'Reads all', permissions: PERMISSIONS },
      ],
      created_at: '2025-02-03T04:05:06.123456Z',
      last_login_at: '2026-02-03T04:05:06.123456Z',
    },
    user_ip_address: `198.51.100.${index % 250}`,
    event_type: TYPES[index % TYPES.length],
    created_at: new Date(ms).toISOString().replace('Z', `${String(index % 1000).padStart(3, '0')}Z`),
    entity_display_name: `aws-production-${index % 97}`,
    event_details: {
      name: `aws-production-${index % 97}`,
      rows: index * 7,
      checksum: 900719925474099 + index,
      before: { schedule: '0 4 * * *', tables: ['aws_ec2_*', 'aws_iam_*'] },
      after: { schedule: '0 */4 * * *', tables: ['aws_ec2_*', 'aws_iam_*', 'aws_s3_*'] },
    },
    is_success: index % 11 !== 0,
  };
}
