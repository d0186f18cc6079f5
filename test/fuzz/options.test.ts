/** What a program may hand to the client library: refused before anything is sent, or carried through the wire as it is. */
import { describe, expect } from "bun:test";
import fc from "fast-check";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import type { Client } from "../../src/client/client.ts";
import type { PutOptions, ReadOptions } from "../../src/client/types.ts";
import { collect } from "../client/fakes.ts";
import { MemoryCluster } from "../datanode/memory-cluster.ts";
import { fuzzing, outcomeOfPromise } from "./fuzz.ts";
import { anyText } from "./texts.ts";

const fuzz = fuzzing(import.meta.path);
const number = fc.oneof(
  fc.nat(4),
  fc.integer(),
  fc.double(),
  fc.constantFrom(2 ** 32, 2 ** 53, 8.64e15, 1e17, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY),
);
/** Good most of the time, so that what comes after is reached. */
const mostly = <T>(good: fc.Arbitrary<T>, any: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: good }, { weight: 1, arbitrary: any });
const path = fc.oneof({ weight: 3, arbitrary: fc.constantFrom("/a", "/b") }, { weight: 1, arbitrary: anyText });
const putOptions: fc.Arbitrary<PutOptions> = fc.record(
  {
    ifAbsent: fc.boolean(),
    ifVersion: fc.record(
      { version: mostly(fc.nat(3), number), random: mostly(fc.constant(""), anyText) },
      { requiredKeys: ["version"] },
    ),
    ack: mostly(fc.integer({ min: 1, max: 3 }), number),
    contentType: mostly(fc.string(), anyText),
    metadata: mostly(
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true }),
      fc.dictionary(anyText, anyText, { maxKeys: 3, noNullPrototype: true }),
    ),
    modifiedAtMs: mostly(fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true }), number),
    mode: mostly(fc.nat(0o777), number),
    by: mostly(fc.string(), anyText),
    sizeHintBytes: number,
  },
  { requiredKeys: [] },
);
const readOptions: fc.Arbitrary<ReadOptions> = fc.record(
  { version: mostly(fc.nat(4), number), consistency: fc.constantFrom("strong" as const, "eventual" as const) },
  { requiredKeys: [] },
);

const operation = fc.oneof(
  fc.record({ do: fc.constant("put" as const), path, size: fc.constantFrom(0, 3, 2_000), options: putOptions }),
  fc.record({ do: fc.constantFrom("read" as const, "stat" as const), path, options: readOptions }),
  fc.record({
    do: fc.constant("get" as const),
    path,
    options: readOptions,
    range: fc.option(fc.record({ start: number, end: number }), { nil: undefined }),
  }),
  fc.record({ do: fc.constant("restore" as const), path, version: mostly(fc.nat(4), number), by: anyText }),
  fc.record({
    do: fc.constant("remove" as const),
    path,
    options: fc.record({ by: anyText, timeoutMs: mostly(fc.integer({ min: 500, max: 60_000 }), number) }, { requiredKeys: [] }),
  }),
  fc.record({ do: fc.constantFrom("copy" as const, "move" as const), path, to: path, by: anyText }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

async function run(client: Client, asked: Operation): Promise<unknown> {
  switch (asked.do) {
    case "put":
      return await client.put(asked.path, new Uint8Array(asked.size), asked.options);
    case "read":
      return await client.read(asked.path, asked.options);
    case "stat":
      return await client.stat(asked.path, asked.options);
    case "get":
      return await collect((await client.get(asked.path, { ...asked.options, ...(asked.range && { range: asked.range }) })).body);
    case "restore":
      return await client.restore(asked.path, asked.version, { by: asked.by });
    case "remove":
      return await client.remove(asked.path, asked.options);
    case "copy":
      return await client.copy(asked.path, asked.to, { by: asked.by });
    case "move":
      return await client.move(asked.path, asked.to, { by: asked.by });
  }
}

describe("a client", () => {
  fuzz(
    "does what it is asked or says why not, and never leaves that open",
    fc.array(operation, { minLength: 1, maxLength: 8 }),
    async (operations) => {
      await warmUpChecksums(8); // uploads that fail keep theirs
      const cluster = new MemoryCluster();
      const client = await cluster.client();
      for (const asked of operations) {
        const outcome = await cluster.until(outcomeOfPromise(run(client, asked)));
        if ("code" in outcome) {
          const honest = ["BAD_PATH", "BAD_USAGE", "BAD_REQUEST", "NOT_FOUND", "ALREADY_EXISTS", "VERSION_DIFFERS"];
          expect(honest).toContain(outcome.code);
        }
      }
      await cluster.until(client.put("/a", new Uint8Array(1)));
      expect(cluster.fatal).toEqual([]);
    },
    { runs: 100 },
  );
});
