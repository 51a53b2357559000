/** As ../product.ts, with the journal that replicas share. */
export * from '../product.ts';
export { openJournal as openSharedJournal } from '../../../src/checkpoint/postgres/index.ts';
