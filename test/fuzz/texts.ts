/** What people and programs may write where a text is read. */
import fc from "fast-check";

/** Characters that parsers trip over. */
const NASTY = [
  "",
  " ",
  "\0",
  "\n",
  "\t",
  "\u007f",
  "\u009b",
  "\u00a0",
  "\u200d",
  "\u2028",
  "\ufeff",
  "\ufffd",
  "\ud800",
  "\udfff",
  "e\u0301",
  "\u1fef",
  "\u212b",
  "/",
  "//",
  ".",
  "..",
  "@",
  "@0",
  "@1",
  "@999999999999999999",
  "#",
  "%",
  "%00",
  "=",
  ",",
  ":",
  "[",
  "]",
  "-",
  "--",
  "-0",
  "0",
  "1e9",
  "0x10",
  "٣",
  "９",
  "NaN",
  "Infinity",
  "-1",
  "9007199254740993",
  "99999999999999999999",
  "1".repeat(400),
  "x".repeat(2_000),
  "__proto__",
  "constructor",
  "toString",
  "null",
  "undefined",
] as const;

export const nasty = fc.constantFrom(...NASTY);

/** Any text at all: letters, any UTF-16 units, and what is known to make trouble. */
export const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  nasty,
  fc.array(fc.oneof(nasty, fc.string({ maxLength: 3 })), { maxLength: 6 }).map((parts) => parts.join("")),
);

/** A text of the form asked for, changed in a few places. */
export function changed(valid: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const edit = fc.record({ at: fc.nat(200), drop: fc.nat(3), put: fc.oneof(nasty, fc.string({ maxLength: 2 })) });
  return fc.tuple(valid, fc.array(edit, { maxLength: 3 })).map(([text, edits]) =>
    edits.reduce((now, { at, drop, put }) => {
      const place = at % (now.length + 1);
      return now.slice(0, place) + put + now.slice(place + drop);
    }, text),
  );
}

/** A file's path in its one form. */
export const filePath: fc.Arbitrary<string> = fc
  .array(
    fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 8 })
      .map((segment) => segment.normalize("NFC").replaceAll(/[/\p{Cc}\ufffd]/gu, "_"))
      .map((segment) => (/^\.{1,2}$/.test(segment) || !segment.isWellFormed() ? "dots" : segment)),
    { minLength: 1, maxLength: 5 },
  )
  .map((segments) => `/${segments.join("/")}`);
