/** Copies parts behind each other as they come: kept until the last one, they would wait for a collection of all garbage. */
export function gathering(): { add(part: Buffer): void; whole(): Buffer } {
  let room = new ArrayBuffer(0);
  let used = 0;
  return {
    add: (part: Buffer): void => {
      const needed = used + part.length;
      if (needed > room.byteLength) room = room.transfer(Math.max(2 * room.byteLength, needed));
      used += part.copy(new Uint8Array(room), used);
    },
    whole: (): Buffer => Buffer.from(room.transfer(used)),
  };
}
