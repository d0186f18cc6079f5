/** Configurations are decoded and encoded once each, and are what they would be otherwise. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import protobuf from "protobufjs";
import { INTERNED_MAX } from "../../src/limits.ts";
import { codecOf, mapCodec } from "../../src/wire/codec.ts";
import type { ClusterMap, Configuration } from "../../src/wire/messages.ts";
import { mapOf } from "../cluster/maps.ts";
import { refusalOf } from "../refusal.ts";

const someConfiguration: fc.Arbitrary<Configuration> = fc.record({
  number: fc.nat(),
  sets: fc.array(
    fc.record({
      nodes: fc.array(fc.nat(), { maxLength: 40 }),
      w: fc.nat(9),
      r: fc.nat(9),
      since: fc.array(fc.nat(), { maxLength: 9 }),
    }),
    { maxLength: 3 },
  ),
  recovered: fc.boolean(),
});

const overTheNetwork = (map: ClusterMap): ClusterMap => mapCodec.decode(Buffer.from(mapCodec.encode(map)));

describe("a configuration within a map", () => {
  test("arrives as it was sent, whatever came before", () => {
    fc.assert(
      fc.property(fc.array(someConfiguration, { maxLength: 20 }), (partitions) => {
        expect(overTheNetwork({ ...mapOf(3, 64), partitions }).partitions).toEqual(partitions);
      }),
    );
  });

  test("is the same object in every map that has it", () => {
    const map = overTheNetwork(overTheNetwork(mapOf(3, 64))); // at first what is left out is spelt out
    const next = overTheNetwork({ ...map, version: map.version + 1 });
    expect(next.partitions.length).toBeGreaterThan(0);
    next.partitions.forEach((configuration, partition) => {
      expect(configuration).toBe(map.partitions[partition] ?? expect.unreachable());
    });
  });

  test("is what it would be alone, where defaults are left out", () => {
    const alone = codecOf<Configuration>("Configuration").decode(Buffer.alloc(0));
    expect(alone).toEqual({ number: 0, sets: [], recovered: false });
    const inMap = codecOf<ClusterMap>("ClusterMap");
    const bytes = protobuf.Writer.create()
      .uint32((4 << 3) | 2)
      .bytes(codecOf("Policy").encode({}))
      .uint32((6 << 3) | 2)
      .bytes(Buffer.alloc(0))
      .finish();
    expect(inMap.decode(bytes).partitions).toEqual([alone]);
  });

  test("that reaches past the end of its map is refused, though its beginning is known", () => {
    const bytes = mapCodec.encode({ ...mapOf(3, 64), supernodes: [], waitingFor: "", nextNode: 0, gone: [] });
    expect(mapCodec.decode(bytes).partitions.length).toBeGreaterThan(0);
    expect(refusalOf(() => mapCodec.decode(bytes.subarray(0, -1)))).toBe("BAD_REQUEST");
  });

  test("is right when more different ones come than are kept", () => {
    const [first] = mapOf(3, 64).partitions;
    if (first === undefined) throw new Error("a map with partitions");
    const many = Array.from(
      { length: 2 * INTERNED_MAX },
      (_, at): Configuration => ({ ...first, number: at + 1, recovered: false }),
    );
    const numbers = overTheNetwork({ ...mapOf(3, 64), partitions: many }).partitions.map(({ number }) => number);
    expect(numbers).toEqual(many.map(({ number }) => number));
  });
});
