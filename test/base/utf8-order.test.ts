import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareUtf8 } from "../../src/base/utf8-order.ts";

const byBytes = (a: string, b: string): number => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));

test("texts are in the order of their UTF-8 bytes, astral ones after the last of the basic plane", () => {
  const texts = [
    "",
    "/",
    "/a",
    "/a/b",
    "/é",
    "/\u{d7ff}",
    "/\u{e000}",
    "/\u{ffff}",
    "/\u{10000}",
    "/\u{1f600}",
    "/\u{1f600}x",
    "/\u{1f601}",
  ];
  for (const a of texts) for (const b of texts) expect(Math.sign(compareUtf8(a, b))).toBe(byBytes(a, b));
});

test("any two texts are in the order of their UTF-8 bytes", () => {
  const text = fc.string({ unit: "binary", maxLength: 6 });
  fc.assert(
    fc.property(text, text, text, (head, a, b) => Math.sign(compareUtf8(head + a, head + b)) === byBytes(head + a, head + b)),
  );
});
