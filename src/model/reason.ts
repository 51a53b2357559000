/** What differs between events that a receiver refuses for one reason: ids, times, numbers, quoted values. The status of an answer stays. */
const DIFFERING =
  /\\?"[^"]{0,200}"|'[^']{0,200}'|[0-9a-f]{8}-[0-9a-f-]{27,}|\d{4}-\d\d-\d\dT[\d:.]+Z?|\b[0-9a-f]{16,}\b|(?<!\d|\d[.,]|\b(?:refused with|code|status|error) )\d+(?:[.,]\d+)*/gi;
/** A text in a JSON answer is what the receiver says, rather than a value that it quotes. */
const SAID = /("[\w.@-]{1,64}"\s{0,8}:\s{0,8}")((?:[^"\\]|\\.){0,600})"/;
const SAID_OR_DIFFERING = new RegExp(`${SAID.source}|${DIFFERING.source}`, 'gi');
const REASON_MOST = 300;

/** The reason that refusals share, with `…` for what differs between them. */
export function sharedReason(reason: string): string {
  return reason
    .replaceAll(SAID_OR_DIFFERING, (_whole, name?: string, said = '') =>
      name === undefined ? '…' : `${name}${String(said).replaceAll(DIFFERING, '…')}"`,
    )
    .slice(0, REASON_MOST)
    .toWellFormed();
}
