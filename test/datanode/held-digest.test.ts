/** What two replicas compare: everything that ought to be the same, and nothing that need not be. */
import { describe, expect, test } from "bun:test";
import { chunkDigest, DigestSum, fileDigest } from "../../src/datanode/held-digest.ts";
import type { HeldFile } from "../../src/ports.ts";
import { absentHead } from "../../src/register/head.ts";
import { headCodec } from "../../src/wire/codec.ts";

const version = (random: string) => ({ ...absentHead(0).current, tombstone: false, operation: { stamp: 1, random } });
const head = headCodec.encode({ current: version("new"), history: [version("old")], window: [], forgotten: 0 });
const file: HeldFile = {
  path: "/a",
  sequence: 7,
  ballot: { configuration: 1, counter: 5, node: 2 },
  head,
  chosen: false,
  contents: ["old", "new"],
};
const of = (some: Partial<HeldFile>): bigint => fileDigest({ ...file, ...some });

describe("the digest of a file", () => {
  test("is another one for another path, ballot or head, and for each content that is not held", () => {
    const digests = [
      of({}),
      of({ path: "/b" }),
      of({ ballot: { configuration: 2, counter: 5, node: 2 } }),
      of({ ballot: { configuration: 1, counter: 6, node: 2 } }),
      of({ ballot: { configuration: 1, counter: 5, node: 3 } }),
      of({ head: head.map((byte, at) => (at === head.length - 1 ? byte ^ 1 : byte)) }),
      of({ contents: ["new"] }),
      of({ contents: ["old"] }),
      of({ contents: [] }),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });

  test("is the same whatever is known to be chosen, whenever it came, and whatever is held that nobody names any more", () => {
    expect(of({ chosen: true, sequence: 9, contents: ["dropped", "new", "old"] })).toBe(of({}));
  });

  test("of a damaged head is one of its bytes", () => {
    const damaged = of({ head: Uint8Array.of(255) });
    expect(damaged).not.toBe(of({ head: Uint8Array.of(254) }));
    expect(damaged).toBe(of({ head: Uint8Array.of(255), contents: [] }));
  });
});

test("the digest of a chunk covers its whole row", () => {
  const row = { chunk: "0123456789abcdef-0", owner: "/a", sizeBytes: 5, checksum: "xxh3:0000000000000000" };
  const others = [
    { ...row, chunk: "0123456789abcdef-1" },
    { ...row, owner: "/b" },
    { ...row, sizeBytes: 6 },
    { ...row, checksum: "xxh3:0000000000000001" },
  ];
  expect(new Set([row, ...others].map(chunkDigest)).size).toBe(5);
});

test("a sum is that of its digests in any order, and their number counts", () => {
  const sum = (...digests: readonly bigint[]): DigestSum => {
    const all = new DigestSum();
    for (const digest of digests) all.add(digest);
    return all;
  };
  expect(sum(1n, 2n, 2n ** 63n).equals({ count: 3, digest: sum(2n ** 63n, 1n, 2n).bytes() })).toBe(true);
  expect(sum(5n, 5n).equals({ count: 0, digest: sum().bytes() })).toBe(false);
  expect(sum(1n).equals({ count: 1, digest: sum(3n).bytes() })).toBe(false);
});
