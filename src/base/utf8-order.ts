/** Code units below this one are in the order of their UTF-8 bytes: surrogates come after it. */
const SURROGATES_FROM = 0xd800;

/**
 * Texts in the order of their UTF-8 bytes, as SQLite has them. JavaScript's is another one only where surrogates are compared with what comes
 * after them; bytes of both are made for these alone, since a page of a scan is sorted between two requests.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === length) return a.length - b.length;
  const [unit, other] = [a.charCodeAt(at), b.charCodeAt(at)];
  if (unit >= SURROGATES_FROM && other >= SURROGATES_FROM) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return unit - other;
}
