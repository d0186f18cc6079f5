/** Heads on disks that are not what was written: every operation on the file ends with a result or a code, and other files are served. */
import { describe, expect } from "bun:test";
import fc from "fast-check";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import type { Client } from "../../src/client/client.ts";
import { headCodec } from "../../src/wire/codec.ts";
import { writes } from "../conformance/node-store.ts";
import { MemoryCluster } from "../datanode/memory-cluster.ts";
import { fuzzing, outcomeOfPromise } from "./fuzz.ts";
import { anyMessage, changedBytes, headBytes, SENSIBLE } from "./messages.ts";

const fuzz = fuzzing(import.meta.path);
const PATH = "/f0";

const OPERATIONS: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  put: (client) => client.put(PATH, new Uint8Array(3)),
  "put in chunks": (client) => client.put(PATH, new Uint8Array(5_000)),
  read: (client) => client.read(PATH),
  "read eventually": (client) => client.read(PATH, { consistency: "eventual" }),
  "read an earlier version": (client) => client.read(PATH, { version: 1 }),
  stat: (client) => client.stat(PATH),
  versions: (client) => client.versions(PATH),
  restore: (client) => client.restore(PATH, 1),
  remove: (client) => client.remove(PATH),
  copy: (client) => client.copy(PATH, "/f1"),
  explain: (client) => client.explain("get", PATH),
};
const stored = fc.oneof(
  headBytes,
  changedBytes(headBytes),
  anyMessage("Head", SENSIBLE),
  fc.uint8Array({ maxLength: 20 }),
  fc.constant(undefined), // the head that is there, with a few bytes changed
);
const damage = fc.record({
  node: fc.integer({ min: 1, max: 3 }),
  head: stored,
  at: fc.nat(),
  byte: fc.nat(255),
  chosen: fc.boolean(),
});

describe("a cluster with anything for heads on its disks", () => {
  fuzz(
    "ends every operation, and serves other files",
    fc.tuple(
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      fc.array(fc.constantFrom(...Object.keys(OPERATIONS)), { minLength: 1, maxLength: 4 }),
    ),
    async ([damages, names]) => {
      await warmUpChecksums(8); // uploads that fail keep theirs
      const cluster = new MemoryCluster();
      const client = await cluster.client();
      for (const size of [1, 2]) await cluster.until(client.put(PATH, new Uint8Array(size)));
      cluster.runtime.advance(500);
      for (const { node, head, at, byte, chosen } of damages) {
        const { store } = cluster.member(node);
        const held = store.current(PATH);
        if (held === undefined) continue;
        const changed = held.head.map((old, index) => (index === at % held.head.length ? byte : old));
        const random = `${at}`.padStart(16, "0").slice(0, 16);
        const accept = { path: PATH, ballot: held.ballot, head: head ?? changed, random, content: held.content, chosen };
        await cluster.until(store.commit(writes({ accepts: [accept] })));
      }
      for (const name of names) await cluster.until(outcomeOfPromise(OPERATIONS[name]?.(client) ?? Promise.resolve()));
      await cluster.until(client.put("/untouched", new Uint8Array(1)));
      cluster.runtime.advance(70_000); // catching up meets it as well
      expect(cluster.fatal).toEqual([]);
      expect(cluster.runtime.lines.filter((line) => line.includes("bug of ours"))).toEqual([]);
      for (const { store } of cluster.members) {
        const held = store.current("/untouched");
        if (held !== undefined) headCodec.decode(held.head);
      }
    },
    { runs: 60 },
  );
});
