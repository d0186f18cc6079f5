/** What an eventual read says of its age is true: a put that was acknowledged earlier shows. */
import { beforeAll, describe, expect, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import { partitionOf } from "../../src/cluster/map.ts";
import { CATCH_UP_EVERY_MS } from "../../src/limits.ts";
import { headCodec } from "../../src/wire/codec.ts";
import { type AnswerBody, type Held, Want } from "../../src/wire/messages.ts";
import { MemoryCluster } from "./memory-cluster.ts";

beforeAll(() => warmUpChecksums(8));

const bytes = (text: string) => new TextEncoder().encode(text);

/** A path whose home is not dn-1. */
function pathOf(cluster: MemoryCluster): string {
  for (let index = 0; ; index += 1) {
    const path = `/f${index}`;
    if (cluster.map.partitions[partitionOf(cluster.map, path)]?.sets[0]?.nodes[0] !== 1) return path;
  }
}

/** Cuts dn-1 off from the other DataNodes, or heals that. Clients reach it all the same. */
function isolate(cluster: MemoryCluster, cut: boolean): void {
  const [one, ...others] = cluster.members;
  for (const other of others) cluster.network.setCut(one?.life.place ?? "", other.life.place, cut);
}

function askOne(cluster: MemoryCluster, path: string): Held {
  let answered: AnswerBody | undefined;
  const read = { path, want: Want.HEAD, version: 0, age: true };
  cluster.member(1).node.request({ id: 1, configuration: 1, read }, (answer) => {
    answered = answer;
  });
  cluster.runtime.advance(1);
  if (!answered?.held) throw new Error("dn-1 answers");
  return answered.held;
}

const versionIn = ({ head }: Held) => headCodec.decode(head).current.version;

describe("the age of one replica's answer", () => {
  test("covers what it missed while it was cut off, and shrinks when it has caught up", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    const path = pathOf(cluster);
    await cluster.until(client.put(path, bytes("one")));
    cluster.runtime.advance(1_000);
    isolate(cluster, true);
    await cluster.until(client.put(path, bytes("two")));
    const acknowledgedMs = cluster.runtime.clock.monotonicMs();
    cluster.runtime.advance(5_000);
    const stale = askOne(cluster, path);
    expect([versionIn(stale), stale.ageKnown]).toEqual([1, true]);
    expect(stale.ageMs ?? 0).toBeGreaterThan(cluster.runtime.clock.monotonicMs() - acknowledgedMs - 2);
    isolate(cluster, false);
    cluster.runtime.advance(CATCH_UP_EVERY_MS + 5_000);
    const fresh = askOne(cluster, path);
    expect(versionIn(fresh)).toBe(2);
    expect(fresh.ageMs).toBeLessThan(CATCH_UP_EVERY_MS);
  });

  test("is not known before it has caught up once, and the read says nothing of it", async () => {
    const cluster = new MemoryCluster();
    const client = await cluster.client();
    const path = pathOf(cluster);
    await cluster.until(client.put(path, bytes("one")));
    cluster.runtime.advance(1_000);
    for (const number of [1, 2, 3]) cluster.crash(number);
    cluster.restart(1);
    expect(askOne(cluster, path).ageKnown).toBeFalsy();
    expect("ageMs" in (await cluster.until(client.read(path, { consistency: "eventual" })))).toBe(false);
  });

  test("is nothing at all where every put needs every replica", async () => {
    const cluster = new MemoryCluster({ n: 3, w: 3, r: 1 });
    const client = await cluster.client();
    const path = pathOf(cluster);
    await cluster.until(client.put(path, bytes("one")));
    expect(askOne(cluster, path)).toMatchObject({ ageKnown: true, ageMs: 0 });
    expect(await cluster.until(client.read(path, { consistency: "eventual" }))).toMatchObject({
      guarantee: "eventual",
      ageMs: 0,
    });
    expect("ageMs" in (await cluster.until(client.read(path)))).toBe(false);
  });
});
