/** Anti-entropy between two stores: exactly what the other holds otherwise is found, at little cost, and a comparison goes on where it stopped. */
import { describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { QdfsError } from "../../src/base/errors.ts";
import { partitionOf } from "../../src/cluster/map.ts";
import { Alarms } from "../../src/datanode/alarms.ts";
import type { ChunkDifference, FileDifference, Mended } from "../../src/datanode/difference-mender.ts";
import { Entropy } from "../../src/datanode/entropy.ts";
import { HeldRanges } from "../../src/datanode/held-ranges.ts";
import { COMPARE_AGAIN_MS, COMPARE_PAGE } from "../../src/limits.ts";
import type { NodeWrites } from "../../src/ports.ts";
import { absentHead } from "../../src/register/head.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { MemoryNodeStore } from "../../src/storage/memory-node-store.ts";
import { batchCodec, headCodec } from "../../src/wire/codec.ts";
import type { Compare } from "../../src/wire/entropy-messages.ts";
import type { ClusterMap, Configuration, RequestBody } from "../../src/wire/messages.ts";

const [US, PEER] = [1, 2];
const set = (...nodes: number[]) => ({ nodes, w: 1, r: nodes.length });
/** Of the partitions two are shared, one is joint, one is the peer's alone. */
const PARTITIONS: readonly Configuration[] = [
  { number: 4, sets: [set(US, PEER)] },
  { number: 5, sets: [set(PEER, US, 3)] },
  { number: 6, sets: [set(US, PEER), set(PEER, 3)] },
  { number: 7, sets: [set(PEER, 3)] },
];
const isShared = (path: string): boolean => partitionOf({ partitions: PARTITIONS }, path) < 2;

function mapOf(version: number): ClusterMap {
  const nodes = [US, PEER].map((number) => ({
    number,
    grpc: "",
    http: "",
    zone: "",
    weight: 1,
    state: 0 as const,
    diskId: `d${number}`,
  }));
  const policy = {
    n: 2,
    w: 1,
    r: 2,
    name: "",
    chunkSizeBytes: 1,
    inlineLimitBytes: 1,
    keepVersions: 1,
    tombstoneGraceMs: 0,
    orphanAgeMs: 0,
  };
  return {
    clusterId: "c",
    generation: 1,
    version,
    nextNode: 4,
    policy,
    nodes,
    partitions: PARTITIONS,
    supernodes: [],
    waitingFor: "",
  };
}

const [SHARED = ""] = ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"].filter(isShared);

class Bench {
  readonly runtime = new FakeRuntime();
  readonly ours = new MemoryNodeStore();
  readonly theirs = new MemoryNodeStore();
  readonly asked: Compare[] = [];
  readonly files: FileDifference[] = [];
  readonly chunks: ChunkDifference[] = [];
  answers: () => void = () => undefined;
  theirMap = mapOf(1);
  /** On the wire, both ways. */
  sentBytes = 0;
  mended: Mended = { kind: "none", what: "", sizeBytes: 0 };
  readonly entropy: Entropy;

  constructor() {
    const { runtime } = this;
    const replica = { betweenCommits: (run: () => void) => run() };
    const maps = { map: mapOf(1), self: US };
    const bench = this;
    const theirMaps = {
      get map() {
        return bench.theirMap;
      },
      self: PEER,
    };
    const peer = new HeldRanges({ isDoomed: () => false, runtime, store: this.theirs, maps: theirMaps, replica });
    const call = async (_: number, configuration: number, body: RequestBody) => {
      const { compare } = body;
      if (!compare) throw new Error("asked for something else");
      this.asked.push(compare);
      this.answers();
      const answer = { id: 1, compared: await peer.answer(compare) };
      this.sentBytes += batchCodec.encode({ counter: 1, requests: [{ id: 1, configuration, ...body }] }).length;
      this.sentBytes += batchCodec.encode({ counter: 1, answers: [answer] }).length;
      return answer;
    };
    this.entropy = new Entropy({
      runtime,
      store: this.ours,
      maps,
      peers: { call },
      alarms: new Alarms(runtime.log),
      isBusy: () => false,
      ranges: new HeldRanges({ isDoomed: () => false, runtime, store: this.ours, maps, replica }),
      mender: {
        file: async (difference) => {
          this.files.push(difference);
          return this.mended;
        },
        chunk: async (difference) => {
          this.chunks.push(difference);
          return this.mended;
        },
      },
      onFatal: (error) => {
        throw error;
      },
    });
  }

  /** Both hold the file, but for what a difference says of us. */
  async put(path: string, difference: "none" | "absent" | "older" | "no-content" | "only-ours"): Promise<void> {
    const accept = (counter: number, content: Uint8Array | null): Partial<NodeWrites> => ({
      accepts: [
        {
          path,
          ballot: { configuration: 4, counter, node: 1 },
          head: HEAD,
          random: RANDOM,
          content,
          chosen: true,
        },
      ],
    });
    if (difference !== "only-ours") await commit(this.theirs, accept(9, CONTENT));
    if (difference === "older") await commit(this.ours, accept(8, CONTENT));
    else if (difference !== "absent") await commit(this.ours, accept(9, difference === "no-content" ? null : CONTENT));
  }

  compare(): Promise<void> {
    return this.runtime.until(this.entropy.with(PEER));
  }

  get found(): readonly string[] {
    return this.files.map(({ path }) => path).sort();
  }
}

const RANDOM = "00000000000000aa";
const CONTENT = Uint8Array.of(1);
const VERSION = { ...absentHead(0).current, version: 1, tombstone: false, operation: { stamp: 1, random: RANDOM } };
const HEAD = headCodec.encode({ current: VERSION, history: [], window: [], forgotten: 0 });

function commit(store: MemoryNodeStore, some: Partial<NodeWrites>): Promise<void> {
  return store.commit({ accepts: [], trims: [], chunks: [], droppedChunks: [], ...some });
}

describe("comparing with a peer", () => {
  test("finds what the peer holds otherwise in the partitions that both share, and nothing else", async () => {
    const differences = fc.constantFrom("none", "none", "none", "absent", "older", "no-content", "only-ours" as const);
    const names = fc.uniqueArray(fc.tuple(fc.string({ unit: "grapheme", maxLength: 12 }), differences), {
      selector: ([name]) => name,
      maxLength: 300,
    });
    await fc.assert(
      fc.asyncProperty(names, async (all) => {
        const bench = new Bench();
        const files = all.map(([name, difference]) => [`/${name}`, difference] as const);
        for (const [path, difference] of files) await bench.put(path, difference);
        await bench.compare();
        const missed = files.filter(
          ([path, difference]) => isShared(path) && difference !== "none" && difference !== "only-ours",
        );
        // What only we hold is the peer's to find; it may draw suspicion on the name after it.
        const onlyOurs = files.some(([, difference]) => difference === "only-ours");
        const expected = missed.map(([path]) => path).sort();
        if (onlyOurs) expect(new Set(bench.found).isSupersetOf(new Set(expected))).toBe(true);
        else expect(bench.found).toEqual(expected);
        expect(bench.found.every(isShared)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("descends into what differs alone: a difference among ten thousand files costs some kilobytes", async () => {
    const [equal, one] = [new Bench(), new Bench()];
    const different = Array.from({ length: 9 }, (_, i) => `/files/of/some/length/777${i}`).find(isShared) ?? "";
    for (let i = 0; i < 10_000; i += 1) {
      const path = `/files/of/some/length/${i}`;
      await equal.put(path, "none");
      await one.put(path, path === different ? "older" : "none");
    }
    await equal.compare();
    await one.compare();
    expect(one.found).toEqual([different]);
    expect(equal.asked.length).toBeLessThanOrEqual(2 * Math.ceil(10_000 / COMPARE_PAGE) + 3);
    expect(equal.sentBytes).toBeLessThan(1_500);
    expect(one.sentBytes).toBeLessThan(8_000);
  });

  test("gives what has just been written the time to come", async () => {
    const bench = new Bench();
    await bench.put(SHARED, "older");
    const started = bench.runtime.clock.monotonicMs();
    await bench.compare();
    expect(bench.runtime.clock.monotonicMs() - started).toBeGreaterThanOrEqual(COMPARE_AGAIN_MS);
    expect(bench.found).toEqual([SHARED]);
  });

  test("says of a difference what the peer has accepted, and whether its log had been followed past that", async () => {
    const bench = new Bench();
    const paths = ["/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"].filter(isShared);
    for (const path of paths) await bench.put(path, "absent");
    await commit(bench.ours, { cursors: [{ diskId: "d2", sequence: 1 }] });
    await bench.compare();
    const ballot = { configuration: 4, counter: 9, node: 1 };
    expect(bench.files.map(({ path, followed, chosen }) => [path, followed, chosen])).toEqual(
      paths.map((path, at) => [path, at === 0, true]),
    );
    for (const difference of bench.files) expect(difference).toMatchObject({ peer: PEER, ballot });
  });

  test("finds a chunk that the peer holds, with its owner and checksum", async () => {
    const bench = new Bench();
    const rows = Array.from({ length: 40 }, (_, index) => ({
      chunk: `0123456789abcdef-${index}`,
      owner: "/a",
      sizeBytes: 5,
      checksum: "xxh3:00000000000000ff",
    }));
    await commit(bench.theirs, { chunks: rows });
    await commit(bench.ours, { chunks: rows.filter((_, index) => index % 10 !== 3) });
    await bench.compare();
    expect(bench.chunks.length).toBeGreaterThan(0);
    for (const { chunk, ...rest } of bench.chunks) {
      expect(chunk).toMatch(/3$/);
      expect(rest).toEqual({ peer: PEER, owner: "/a", checksum: "xxh3:00000000000000ff" });
    }
  });

  test("goes on where the peer broke it off", async () => {
    const bench = new Bench();
    for (let i = 0; i < 3 * COMPARE_PAGE; i += 1) await bench.put(`/${i}`, "none");
    bench.answers = () => {
      if (bench.asked.length === 2) throw new QdfsError("NODE_SILENT", "gone");
    };
    await expect(bench.compare()).rejects.toThrow("gone");
    const brokenOffAt = bench.asked.at(-1)?.after;
    expect(brokenOffAt).not.toBe("");
    await bench.compare();
    expect(bench.asked[2]?.after).toBe(brokenOffAt ?? "");
  });

  test("passes over a row that cannot be read, as if it were not held", async () => {
    const bench = new Bench();
    await bench.put(SHARED, "none");
    await bench.put("/zzz", "none");
    const held = bench.ours.held.bind(bench.ours);
    spyOn(bench.ours, "held").mockImplementation((path) => {
      if (path === SHARED) throw new QdfsError("DATA_DIR_UNUSABLE", "a damaged row");
      return held(path);
    });
    await bench.compare();
    expect(bench.found).toEqual([SHARED]);
  });

  test("is refused by a peer that goes by another map, the newer one said to be so", async () => {
    const bench = new Bench();
    await bench.put("/a", "absent");
    bench.theirMap = mapOf(2);
    await expect(bench.compare()).rejects.toMatchObject({ code: "CONFIGURATION_STALE", details: { behind: false } });
    bench.theirMap = mapOf(0);
    await expect(bench.compare()).rejects.toMatchObject({ code: "CONFIGURATION_STALE", details: { behind: true } });
    expect(bench.files).toEqual([]);
  });
});

describe("what was found", () => {
  const after = async (mended: Mended): Promise<Bench> => {
    const bench = new Bench();
    await bench.put(SHARED, "absent");
    bench.mended = mended;
    await bench.compare();
    return bench;
  };

  test("is an alarm when it had been here, or cannot be mended", async () => {
    const lost = await after({ kind: "lost", what: "the current version of /a", sizeBytes: 3 });
    expect(lost.entropy.findings.alarms()).toEqual([expect.stringContaining("silent divergence: 1 that had been here")]);
    const damaged = await after({ kind: "damaged", what: "two heads", sizeBytes: 0 });
    expect(damaged.entropy.findings.alarms()).toEqual([expect.stringContaining("two heads")]);
    expect(Object.fromEntries(lost.entropy.findings.metrics().map(([name, , value]) => [name, value]))).toMatchObject({
      qdfs_divergences_total: 1,
      qdfs_compare_fetched_bytes_total: 3,
    });
  });

  test("is none when it had not come here yet", async () => {
    const late = await after({ kind: "late", what: "the content of /a@1", sizeBytes: 3 });
    expect(late.entropy.findings.alarms()).toEqual([]);
    expect(late.entropy.findings.late).toBe(1);
  });
});
