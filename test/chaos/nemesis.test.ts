import { expect, test } from "bun:test";
import { QdfsError } from "../../src/base/errors.ts";
import type { ClusterUnderTest, Undo } from "../../src/chaos/cluster.ts";
import { FAULTS, type Fault, type FaultKind, isFaultKind, planFaults } from "../../src/chaos/faults.ts";
import { Nemesis } from "../../src/chaos/nemesis.ts";
import { FakeRuntime } from "../../src/runtime/fake-runtime.ts";
import { seededRandom } from "../../src/runtime/seeded-random.ts";

/** Notes what is done to it and refuses what makes no sense. */
class FakeCluster implements ClusterUnderTest {
  readonly nodes = ["dn-1", "dn-2", "dn-3"];
  readonly fillable = ["dn-3"];
  readonly impossible = new Set<FaultKind>();
  readonly down = new Set<string>();
  readonly frozen = new Set<string>();
  readonly shifts = new Map<string, number>();
  standing = 0;
  damaged = 0;
  /** Starts that fail before one succeeds. */
  failingStarts = 0;
  /** A damaged database is noticed. */
  notices = true;
  #rotten = new Set<string>();
  readonly #runtime: FakeRuntime;

  constructor(runtime: FakeRuntime) {
    this.#runtime = runtime;
  }

  async kill(server: string): Promise<void> {
    expect(this.frozen.has(server)).toBe(false);
    this.down.add(server);
  }

  async start(server: string): Promise<void> {
    if (this.#rotten.has(server) && this.notices) throw new QdfsError("DATA_DIR_UNUSABLE", "the database is damaged");
    if (this.failingStarts > 0) {
      this.failingStarts--;
      throw new QdfsError("STORAGE_FULL", "no room");
    }
    this.down.delete(server);
  }

  async freeze(server: string, lastsMs: number): Promise<void> {
    expect(this.down.has(server)).toBe(false);
    this.frozen.add(server);
    await new Promise<void>((resolve) => void this.#runtime.timers.after(lastsMs, resolve));
    this.frozen.delete(server);
  }

  cut = () => this.#stands();
  isolate = () => this.#stands();
  delay = () => this.#stands();
  fillDisk = () => this.#stands();
  reset(): void {}

  damageChunk(): string {
    this.damaged++;
    return "damaged";
  }

  damageDatabase(server: string): { words: string; undo: Undo } {
    expect(this.down.has(server)).toBe(true);
    this.#rotten.add(server);
    return { words: "damaged", undo: () => void this.#rotten.delete(server) };
  }

  shiftClock(server: string, shiftMs: number): void {
    this.shifts.set(server, shiftMs);
  }

  #stands(): Undo {
    this.standing++;
    let over = false;
    return () => {
      expect(over).toBe(false);
      over = true;
      this.standing--;
    };
  }
}

function scene() {
  const runtime = new FakeRuntime();
  const cluster = new FakeCluster(runtime);
  const [said, blamed]: [string[], string[]] = [[], []];
  const nemesis = new Nemesis({
    cluster,
    runtime,
    random: seededRandom(1),
    say: (text) => said.push(text),
    blame: (text) => blamed.push(text),
  });
  return { runtime, cluster, nemesis, said, blamed };
}

function* only(...faults: readonly Fault[]): Generator<Fault, never> {
  yield* faults;
  for (;;) yield { kind: "reset", afterMs: 1e9, servers: ["dn-1"], lastsMs: 1, amountMs: 0 };
}

const KINDS = Object.keys(FAULTS).filter(isFaultKind);

test("every fault of a long run is taken back, and each kind was made", async () => {
  const { runtime, cluster, nemesis, blamed } = scene();
  const options = {
    kinds: KINDS,
    nodes: cluster.nodes,
    rotting: ["dn-1"],
    fillable: cluster.fillable,
    impossible: cluster.impossible,
  };
  const running = nemesis.run(planFaults(seededRandom(7), options));
  runtime.advance(600_000);
  await runtime.until(nemesis.heal());
  await runtime.until(running);
  expect([cluster.down.size, cluster.frozen.size, cluster.standing]).toEqual([0, 0, 0]);
  expect([...cluster.shifts.values()].every((shiftMs) => shiftMs === 0)).toBe(true);
  expect(Object.keys(nemesis.counts()).sort()).toEqual([...KINDS].sort());
  expect(Object.values(nemesis.counts()).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(200);
  expect(blamed).toEqual([]);
});

test("a process has one fault at a time; a second one is not made", async () => {
  const { runtime, cluster, nemesis } = scene();
  const at = { afterMs: 10, servers: ["dn-1"], lastsMs: 1_000, amountMs: 0 };
  void nemesis.run(only({ ...at, kind: "freeze" }, { ...at, kind: "kill" }, { ...at, kind: "kill", servers: ["dn-1", "dn-2"] }));
  runtime.advance(500);
  expect(nemesis.counts()).toEqual({ freeze: 1 });
  expect(cluster.down.size).toBe(0);
});

test("a server that cannot start yet is started again", async () => {
  const { runtime, cluster, nemesis, blamed } = scene();
  cluster.failingStarts = 3;
  void nemesis.run(only({ kind: "kill", afterMs: 1, servers: ["dn-2"], lastsMs: 100, amountMs: 0 }));
  runtime.advance(200);
  expect(cluster.down.has("dn-2")).toBe(true);
  runtime.advance(5_000);
  expect([cluster.down.size, blamed.length]).toEqual([0, 0]);
});

test("one that never starts is blamed", async () => {
  const { runtime, cluster, nemesis, blamed } = scene();
  cluster.failingStarts = 1e9;
  void nemesis.run(only({ kind: "kill", afterMs: 1, servers: ["dn-2"], lastsMs: 100, amountMs: 0 }));
  runtime.advance(120_000);
  expect(blamed).toEqual(["dn-2 does not start again: STORAGE_FULL: no room"]);
});

test("a node that refuses its damaged database gets it back and runs", async () => {
  const { runtime, cluster, nemesis, said } = scene();
  void nemesis.run(only({ kind: "database-rot", afterMs: 1, servers: ["dn-1"], lastsMs: 100, amountMs: 0 }));
  runtime.advance(5_000);
  expect(cluster.down.size).toBe(0);
  expect(said.some((text) => text.includes("refuses, as it must"))).toBe(true);
});

test("a bug in making a fault ends the run, and is not swallowed", async () => {
  const { runtime, cluster, nemesis } = scene();
  cluster.kill = () => Promise.reject(new TypeError("a bug"));
  void nemesis.run(only({ kind: "kill", afterMs: 1, servers: ["dn-1"], lastsMs: 100, amountMs: 0 }));
  runtime.advance(1_000);
  expect(nemesis.broken).toBe(true);
  expect(runtime.until(nemesis.heal())).rejects.toThrow("a bug");
});
