/** How the comparison was made, in plain words. */
export const METHOD: readonly string[] = [
  'auditferry reads the audit log of the Platform into a journal of its own and delivers it from there to each receiver. This report compares the three with one another, event by event id.',
  'The range is cut into intervals. For each, the Platform is asked how many events it has, and the journal how many ids it knows. Where the two differ, or the Platform gives no count, the interval is read from the Platform and compared id by id and byte by byte (SHA-256). Events of the last minutes may still be on their way and are counted apart.',
  'The journal is checked against itself: the hash of each event covers the event before it.',
  'Complete means that the three agree and that every receiver has what it should have. Undelivered means that the journal has everything, and that it is known for each receiver what it lacks and why. Incomplete means that something is missing, altered or not proven.',
  'Each receiver that can be asked is asked for the id of every event it must hold. What a receiver refused is kept as a dead letter: as long as it is open, the receiver lacks an event. What its filter leaves out is not expected there. What is not found at once is asked for a second time.',
];

/** What nobody should read out of the report. */
export const LIMITS: readonly string[] = [
  'That the Platform recorded everything that happened on it. The report begins with what its API shows.',
  'Unless every event was compared: that no interval lost one event and gained another, which leaves its count as it was.',
  'That nobody rewrote the whole journal: its hashes need no key. A head hash that was kept elsewhere shows it.',
  'That a receiver kept what was handed over, where it cannot be asked.',
  'That a receiver still has the content of an event unchanged: it is asked for ids and numbers of copies, not for bytes.',
];
