export type Framing = 'octet_counting' | 'lf';

const LF = Buffer.from('\n');

/**
 * One message made ready for a byte stream: `LEN SP MSG` with the length in octets, or the message and a line feed.
 * A message never holds a line feed (message.ts sees to it), so the second form cannot be split by its content.
 * Source: RFC 6587 section 3.4, RFC 5425 section 4.3.
 */
export function frame(message: Buffer, framing: Framing): Buffer {
  return framing === 'lf'
    ? Buffer.concat([message, LF])
    : Buffer.concat([Buffer.from(`${message.length} `, 'ascii'), message]);
}
