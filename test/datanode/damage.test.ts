/** A head that came to harm on one disk is that replica's trouble, not the file's, and nobody's end. */
import { beforeAll, describe, expect, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { codeOf } from "../../src/base/errors.ts";
import type { Client } from "../../src/client/client.ts";
import { writes } from "../conformance/node-store.ts";
import { MemoryCluster } from "./memory-cluster.ts";

beforeAll(() => warmUpChecksums(8));

const PATH = "/x";
const bytesOf = (text: string) => new TextEncoder().encode(text);
const KINDS = { empty: new Uint8Array(0), garbage: Uint8Array.of(255, 255, 255), cut: Uint8Array.of(10, 3, 8, 1) };

/** Replaces the stored head of a file at some nodes, at the ballot that it has. */
async function damage(cluster: MemoryCluster, numbers: readonly number[], head: Uint8Array): Promise<void> {
  for (const { store } of cluster.members.filter(({ number }) => numbers.includes(number))) {
    const current = store.current(PATH);
    if (current === undefined) throw new Error("the file is everywhere");
    const random = "feedfeedfeedfeed";
    const accept = { path: PATH, ballot: current.ballot, head, random, content: current.content, chosen: current.chosen };
    await cluster.until(store.commit(writes({ accepts: [accept] })));
  }
}

async function made(): Promise<{ cluster: MemoryCluster; client: Client }> {
  const cluster = new MemoryCluster();
  const client = await cluster.client();
  await cluster.until(client.put(PATH, bytesOf("one")));
  cluster.runtime.advance(1_000);
  return { cluster, client };
}

describe.each(Object.entries(KINDS))("a stored head that is %s", (_, head) => {
  test("at one replica hides the file from nobody, and it can be written on", async () => {
    for (const number of [1, 2, 3]) {
      const { cluster, client } = await made();
      await damage(cluster, [number], head);
      for (const consistency of ["strong", "eventual"] as const) {
        for (let times = 0; times < 8; times++) {
          const { bytes } = await cluster.until(client.read(PATH, { consistency }));
          expect(new TextDecoder().decode(bytes)).toBe("one");
        }
      }
      await cluster.until(client.put(PATH, bytesOf("two")));
      expect((await cluster.until(client.read(PATH))).version.version).toBe(2);
      await cluster.until(client.put(PATH, bytesOf("three")));
      cluster.runtime.advance(2_000);
      expect(cluster.fatal).toEqual([]);
    }
  });

  test("at every replica is said to be damaged, and other files are served", async () => {
    const { cluster, client } = await made();
    await damage(cluster, [1, 2, 3], head);
    for (const { number } of cluster.members) {
      cluster.crash(number); // its coordinator may remember the head
      cluster.restart(number);
    }
    cluster.runtime.advance(5_000);
    const codes = [];
    for (const attempt of [client.read(PATH), client.read(PATH, { consistency: "eventual" }), client.put(PATH, bytesOf("two"))]) {
      codes.push(await cluster.until(attempt.then(() => "done", codeOf)));
    }
    expect(codes).toEqual(["QUORUM_UNAVAILABLE", "CORRUPT", "CORRUPT"]);
    await cluster.until(client.put("/y", bytesOf("fine")));
    expect(cluster.fatal).toEqual([]);
  });
});
