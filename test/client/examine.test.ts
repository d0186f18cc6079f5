/** What the doctor's facts say of a simulated cluster: who answers, whose clock is off, which files are below N. */
import { beforeAll, describe, expect, test } from "bun:test";
import { warmUpChecksums } from "../../src/base/checksum.ts";
import type { Client } from "../../src/client/client.ts";
import { diagnose, isHealthy } from "../../src/doctor/diagnose.ts";
import { answering } from "../../src/doctor/facts.ts";
import { MemoryCluster } from "../datanode/memory-cluster.ts";
import { someBytes } from "./fakes.ts";

const CHUNKED_BYTES = 9_000; // three chunks
const FILES_MAX = 1_000;

beforeAll(async () => await warmUpChecksums(8), 60_000); // compiled outside of JavaScript, on a busy machine

async function began(files: number): Promise<{ cluster: MemoryCluster; client: Client }> {
  const cluster = new MemoryCluster();
  const client = await cluster.client();
  for (let index = 0; index < files; index++) await cluster.until(client.put(`/f${index}`, someBytes(100, index)));
  cluster.runtime.advance(3_000);
  return { cluster, client };
}

/** Nothing passes between the node and its peers. */
function cutFromPeers(cluster: MemoryCluster, number: number, share: number): void {
  for (const other of [1, 2, 3].filter((one) => one !== number)) {
    cluster.network.link(`dn-${number}`, `dn-${other}`).dropShare = share;
    cluster.network.link(`dn-${other}`, `dn-${number}`).dropShare = share;
  }
}

describe("facts", () => {
  test("of a whole cluster: everyone answers, all files are looked at, nothing is wrong", async () => {
    const { cluster, client } = await began(20);
    const facts = await cluster.until(client.examine(FILES_MAX));
    expect([...answering(facts)]).toEqual([1, 2, 3]);
    expect(facts.files).toEqual({ checked: 20, isAll: true, thin: [] });
    expect(facts.status?.partitionFiles.reduce((sum, files) => sum + files, 0)).toBe(20);
    expect(isHealthy(diagnose(facts))).toBe(true);
    expect((await cluster.until(client.examine(7))).files).toEqual({ checked: 7, isAll: false, thin: [] });
    expect((await cluster.until(client.examine(0))).files).toBeUndefined();
  });

  test("files that a replica missed are found, chunks too, and no others", async () => {
    const { cluster, client } = await began(10);
    cluster.crash(3);
    await cluster.until(client.put("/f4", someBytes(50, 99)));
    await cluster.until(client.put("/new", someBytes(60, 98)));
    await cluster.until(client.put("/chunked", someBytes(CHUNKED_BYTES, 97)));
    cutFromPeers(cluster, 3, 1);
    cluster.restart(3);
    cluster.runtime.advance(1_000);
    const { files } = await cluster.until(client.examine(FILES_MAX));
    expect(files?.thin).toEqual([
      { path: "/chunked", copies: 2, n: 3, lacking: [{ node: 3, what: "version 1 (it holds none)" }] },
      { path: "/f4", copies: 2, n: 3, lacking: [{ node: 3, what: "version 2 (it holds 1)" }] },
      { path: "/new", copies: 2, n: 3, lacking: [{ node: 3, what: "version 1 (it holds none)" }] },
    ]);
    cutFromPeers(cluster, 3, 0);
    cluster.runtime.advance(70_000);
    expect((await cluster.until(client.examine(FILES_MAX))).files?.thin).toEqual([]);
    const { store } = cluster.member(3);
    const [lost] = store.chunksAfter("", 10);
    const droppedChunks = lost === undefined ? [] : [lost.chunk];
    await cluster.until(store.commit({ accepts: [], trims: [], chunks: [], droppedChunks }));
    expect((await cluster.until(client.examine(FILES_MAX))).files?.thin).toEqual([
      { path: "/chunked", copies: 2, n: 3, lacking: [{ node: 3, what: "1 of its 3 chunks" }] },
    ]);
  });

  test("a write that is just arriving is no missing copy", async () => {
    const { cluster, client } = await began(3);
    for (const other of [1, 2]) cluster.network.link(`dn-${other}`, "dn-3").delayMs = () => 700;
    const put = cluster.until(client.put("/f1", someBytes(10, 5)));
    await put;
    const { files } = await cluster.until(client.examine(FILES_MAX));
    expect(files?.thin).toEqual([]);
  });

  test("clocks are measured by the midpoint, however far they are apart", async () => {
    const { cluster, client } = await began(1);
    cluster.skewClock(2, 3_600_000);
    const facts = await cluster.until(client.examine(FILES_MAX));
    const ahead = [...facts.nodes.values()].map(({ answer }) => (typeof answer === "string" ? Number.NaN : answer.clockAheadMs));
    expect(Math.abs(ahead[0] ?? Number.NaN)).toBeLessThan(1);
    expect(Math.abs((ahead[1] ?? Number.NaN) - 3_600_000)).toBeLessThan(1);
    expect(diagnose(facts).map(({ kind }) => kind)).toContain("clock-skew");
  });
});
