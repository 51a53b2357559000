const LF = 0x0a;

/** The lines of a stream of bytes, without their ends; what is longer than the limit is passed over. */
export async function* linesOf(source: AsyncIterable<Buffer>, limitBytes: number): AsyncIterable<string> {
  let pending: Buffer[] = [];
  let held = 0;
  for await (const bytes of source) {
    let start = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
      pending.push(bytes.subarray(start, end));
      if (held + end - start <= limitBytes) yield Buffer.concat(pending).toString('utf8');
      pending = [];
      held = 0;
      start = end + 1;
    }
    held += bytes.length - start;
    if (held <= limitBytes) pending.push(bytes.subarray(start));
    else pending = [];
  }
}
