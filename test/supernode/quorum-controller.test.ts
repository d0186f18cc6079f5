import { describe, expect, test } from "bun:test";
import { assert } from "../../src/base/errors.ts";
import {
  ADAPTIVE_CALM_MS,
  ADAPTIVE_CONFIRM_MS,
  ADAPTIVE_DWELL_MS,
  ADAPTIVE_MOVES_PER_HOUR_MAX,
  ADAPTIVE_MOVES_RESERVED,
} from "../../src/limits.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { QuorumController } from "../../src/supernode/quorum-controller.ts";
import type { QuorumChangeEnd, QuorumChanger } from "../../src/supernode-ports.ts";
import type { HeartbeatRequest } from "../../src/wire/membership-messages.ts";
import { type ClusterMap, NodeState } from "../../src/wire/messages.ts";
import type { AdaptiveStatus } from "../../src/wire/status-messages.ts";
import { testMap, testNode } from "../client/fakes.ts";
import { heartbeat } from "./scripted-cluster.ts";

const NODES = [1, 2, 3];
/** A look-up takes 1 ms, an accept 2 ms: one copy is best for reads, a majority for writes. */
const PEERS = NODES.map((number) => ({
  number,
  lookUpMs: 1,
  lookUpDeviationMs: 0.2,
  acceptMs: 2,
  acceptDeviationMs: 0.4,
}));
const HOUR_MS = 3_600_000;

class Scene {
  readonly runtime = new FakeRuntime();
  readonly asked: string[] = [];
  readonly controller: QuorumController;
  /** How changes end. */
  end: QuorumChangeEnd = { kind: "done" };
  changeMs = 1_000;
  map: ClusterMap = { ...testMap(), policy: { ...testMap().policy, name: "adaptive" } };
  /** Per second, at each node. */
  reads = 0;
  writes = 0;
  peers = PEERS;
  readonly #beats = new Map<number, HeartbeatRequest>();

  constructor(changer?: QuorumChanger) {
    const change: QuorumChanger["change"] = async ({ w, r }) => {
      this.asked.push(`w=${w},r=${r}`);
      await new Promise<void>((resolve) => void this.runtime.timers.after(this.changeMs, resolve));
      if (this.end.kind === "done") {
        const partitions = this.map.partitions.map(({ number, sets: [set] }) => ({
          number: number + 2,
          sets: [{ nodes: NODES, ...set, w, r }],
        }));
        this.map = { ...this.map, policy: { ...this.map.policy, w, r }, partitions };
      }
      return this.end;
    };
    const watched = { map: () => this.map, heartbeat: (number: number) => this.#beats.get(number) };
    this.controller = new QuorumController(this.runtime, watched, changer ?? { change });
    this.controller.start();
    this.#beat({ reads: 0, writes: 0 });
  }

  status(): AdaptiveStatus {
    const status = this.controller.status();
    assert(status !== null, "the quorum is adaptive");
    return status;
  }

  rename(name: string): void {
    this.map = { ...this.map, policy: { ...this.map.policy, name } };
  }

  load(reads: number, writes: number): void {
    this.reads = reads;
    this.writes = writes;
  }

  setUp(number: number, isUp: boolean): void {
    const nodes = this.map.nodes.map((node) =>
      node.number === number ? testNode(number, isUp ? NodeState.UP : NodeState.DOWN) : node,
    );
    this.map = { ...this.map, nodes };
  }

  /** `restarted`: the nodes' counts begin anew. */
  run(spanMs: number, restarted = false): void {
    if (restarted) this.#beat({ reads: 0, writes: 0 });
    for (let i = 0; i < spanMs / 500; i += 1) {
      this.runtime.advance(500);
      const { reads, writes } = this.#beats.get(1) ?? { reads: 0, writes: 0 };
      this.#beat({ reads: reads + this.reads / 2, writes: writes + this.writes / 2 });
    }
  }

  #beat(counts: { reads: number; writes: number }): void {
    for (const number of NODES) this.#beats.set(number, heartbeat(number, { ...counts, peers: this.peers }));
  }
}

function calm(changer?: QuorumChanger): Scene {
  const scene = new Scene(changer);
  scene.run(ADAPTIVE_CALM_MS);
  return scene;
}

describe("an adaptive quorum", () => {
  test("follows a mix from mostly reads to mostly writes and back, and says why", () => {
    const scene = calm();
    scene.load(95, 5);
    scene.run(120_000);
    scene.load(5, 95);
    scene.run(120_000);
    scene.load(95, 5);
    scene.run(120_000);
    expect(scene.asked).toEqual(["w=3,r=1", "w=2,r=2", "w=3,r=1"]);
    expect(scene.status()).toMatchObject({ wantedW: 3, wantedR: 1, moves: 3, failed: 0 });
    expect(scene.status().reason).toMatch(/^95 % reads: w=3,r=1 costs/);
    expect(scene.runtime.lines.filter((line) => line.includes("the quorum has changed"))).toHaveLength(3);
  });

  test("measures the rates of reads and writes, over restarts of the DataNodes too", () => {
    const scene = new Scene();
    scene.load(30, 10);
    scene.run(100_000);
    scene.run(100_000, true);
    const { readsPerSec, writesPerSec } = scene.status();
    expect(readsPerSec).toBeCloseTo(90, -1);
    expect(writesPerSec).toBeCloseTo(30, -1);
  });

  test("does not move while little is done, or for little gain", () => {
    const idle = calm();
    idle.load(0.5, 0);
    idle.run(200_000);
    expect(idle.asked).toEqual([]);
    expect(idle.status().reason).toContain("too little is read and written");
    const even = calm();
    even.load(80, 20);
    even.run(200_000);
    expect(even.asked).toEqual([]);
    expect(even.status().reason).toContain("not worth a move");
  });

  test("a mix that flutters faster than its average moves nothing", () => {
    const scene = calm();
    for (let i = 0; i < 100; i += 1) {
      scene.load(i % 2 === 0 ? 95 : 25, i % 2 === 0 ? 5 : 75);
      scene.run(2_000);
    }
    expect(scene.asked.length).toBeLessThanOrEqual(1);
  });

  test("a reason has to last, and a move to rest: between two there is the dwell time", () => {
    const scene = calm();
    const moves: number[] = [];
    for (let i = 0; i < 400; i += 1) {
      if (scene.map.policy.r === 1) scene.load(0, 200);
      else scene.load(200, 0);
      const before = scene.asked.length;
      scene.run(1_000);
      if (scene.asked.length > before) moves.push(scene.runtime.clock.monotonicMs());
    }
    expect(moves.length).toBeGreaterThan(3);
    expect((moves[0] ?? 0) - ADAPTIVE_CALM_MS).toBeGreaterThanOrEqual(ADAPTIVE_CONFIRM_MS);
    for (let i = 1; i < moves.length; i += 1)
      expect((moves[i] ?? 0) - (moves[i - 1] ?? 0)).toBeGreaterThanOrEqual(ADAPTIVE_DWELL_MS);
  });

  test("however the mix turns, moves within an hour are bounded", () => {
    const scene = calm();
    const startMs = scene.runtime.clock.monotonicMs();
    while (scene.runtime.clock.monotonicMs() < startMs + HOUR_MS - 60_000) {
      if (scene.map.policy.r === 1) scene.load(0, 200);
      else scene.load(200, 0);
      scene.run(5_000);
    }
    expect(scene.asked).toHaveLength(ADAPTIVE_MOVES_PER_HOUR_MAX - ADAPTIVE_MOVES_RESERVED);
  });

  test("a setting that needs every replica waits until all were there for long", () => {
    const scene = new Scene();
    scene.load(100, 0);
    scene.run(ADAPTIVE_CALM_MS - 5_000);
    expect(scene.asked).toEqual([]);
    scene.setUp(3, false);
    scene.run(5_000);
    scene.setUp(3, true);
    scene.run(ADAPTIVE_CALM_MS - 5_000);
    expect(scene.asked).toEqual([]);
    scene.run(15_000);
    expect(scene.asked).toEqual(["w=3,r=1"]);
  });

  test("a setting that the nodes that are up cannot serve is left at once, and tried again when that fails", () => {
    const scene = calm();
    scene.load(100, 0);
    scene.run(60_000);
    expect(scene.map.policy).toMatchObject({ w: 3, r: 1 });
    scene.end = { kind: "failed", why: "dn-3 has to adopt it" };
    scene.setUp(3, false);
    scene.run(10_000);
    expect(scene.asked.slice(1)).toContain("w=2,r=2");
    expect(scene.status()).toMatchObject({ wantedW: 2, wantedR: 2, reason: "2 of 3 replicas are up" });
    expect(scene.status().failed).toBeGreaterThan(0);
    scene.end = { kind: "done" };
    scene.run(30_000);
    expect(scene.map.policy).toMatchObject({ w: 2, r: 2 });
  });

  test("with too few replicas for anything it waits", () => {
    const scene = calm();
    scene.load(100, 0);
    scene.setUp(2, false);
    scene.setUp(3, false);
    scene.run(60_000);
    expect(scene.asked).toEqual([]);
    expect(scene.status().reason).toContain("1 of 3 replicas are up");
  });

  test("nothing is decided while a change runs", () => {
    const scene = calm();
    scene.changeMs = 200_000;
    scene.load(100, 0);
    scene.run(30_000);
    scene.load(0, 100);
    scene.run(150_000);
    expect(scene.asked).toEqual(["w=3,r=1"]);
    scene.run(ADAPTIVE_DWELL_MS + 60_000);
    expect(scene.asked).toEqual(["w=3,r=1", "w=2,r=2"]);
  });

  test("a quorum that is made fixed is left alone, and one that is made adaptive is followed", () => {
    const scene = calm();
    scene.rename("custom");
    scene.load(100, 0);
    scene.run(60_000);
    expect([scene.asked, scene.controller.status()]).toEqual([[], null]);
    scene.rename("adaptive");
    scene.run(20_000);
    expect(scene.asked).toEqual(["w=3,r=1"]);
  });

  test("a change that a SuperNode before it left behind is seen to its end, and nothing is decided meanwhile", () => {
    const scene = calm();
    scene.map = { ...scene.map, policy: { ...scene.map.policy, w: 3, r: 1 } };
    scene.load(0, 100);
    scene.run(30_000);
    expect(scene.asked).toEqual(["w=3,r=1", "w=2,r=2"]);
    expect(scene.status()).toMatchObject({ moves: 1 });
  });
});
