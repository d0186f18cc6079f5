/** Contents that tell which operation wrote them: every byte of one follows from the operation's number and the size. */

export function contentOf(operation: number, sizeBytes: number): Uint8Array {
  const name = new TextEncoder().encode(`v${operation}|`);
  const content = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += name.length) content.set(name.subarray(0, sizeBytes - at), at);
  return content;
}

export function valueIdOf(operation: number): string {
  return `v${operation}`;
}

/** The operation that wrote these bytes; undefined: nobody did, they are damaged or mixed. */
export function writerOf(content: Uint8Array): number | undefined {
  const number = /^v(\d+)\|/.exec(
    Buffer.from(content.buffer, content.byteOffset, Math.min(16, content.length)).toString("latin1"),
  )?.[1];
  if (number === undefined) return undefined;
  const writer = Number(number);
  return Buffer.compare(contentOf(writer, content.length), content) === 0 ? writer : undefined;
}
