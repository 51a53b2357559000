/**
 * Everything of the product that the simulation runs, in one place: a sabotaged run imports this file with a query
 * (see sabotage-plugin.ts), and gets a whole product of its own with one line changed.
 */
export { liveVerdict } from '../../src/admin/live-verdict.ts';
export { survey } from '../../src/admin/survey.ts';
export { openJournal } from '../../src/checkpoint/sqlite/index.ts';
export { rawFormat } from '../../src/formats/raw.ts';
export { createCanonicalize } from '../../src/formats/canonical.ts';
export { ForwardError } from '../../src/model/errors.ts';
export { Secret } from '../../src/model/secret.ts';
export { startDaemon } from '../../src/pipeline/daemon.ts';
export { openRecordTable } from '../../src/records/record-table.ts';
export { proveRecords } from '../../src/records/prove.ts';
export { createLimit } from '../../src/net/rate-limit.ts';
export { openGuarded } from '../../src/sources/credential-guard.ts';
export { createCloudquery } from '../../src/sources/cloudquery/source.ts';
export { readProgress } from '../../src/sources/cloudquery/progress.ts';
