/** The diagnosis of made-up facts: what is found, how bad it is said to be, and what is said to mend it. */
import { describe, expect, test } from "bun:test";
import { backupAge } from "../../src/doctor/backup.ts";
import { diagnose, isHealthy } from "../../src/doctor/diagnose.ts";
import { exposures, outcomeOf } from "../../src/doctor/exposure.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { healthRows } from "../../src/doctor/health-rows.ts";
import { FREE_BYTES_MIN, LOW_SPACE_BYTES, STANDSTILL_MS } from "../../src/limits.ts";
import { DOCTOR_EXAMPLES_MAX } from "../../src/tool-limits.ts";
import { NodeState } from "../../src/wire/messages.ts";
import { factsOf, mapOf, single, type World } from "./fakes.ts";

const findings = (world: World) => diagnose(factsOf(world));
const kinds = (world: World) => findings(world).map(({ kind, severity }) => `${severity} ${kind}`);

function found(world: World, kind: string): Finding {
  const one = findings(world).find((candidate) => candidate.kind === kind);
  if (one === undefined) throw new Error(`no ${kind} among ${kinds(world).join(", ")}`);
  return one;
}

const live = (...numbers: number[]) => new Set(numbers);

describe("what a further death would cost", () => {
  test("nothing but redundancy while every set has all of its replicas and its quorums allow one to be away", () => {
    for (const exposure of exposures(mapOf({ nodes: 5 }), live(1, 2, 3, 4, 5)))
      expect(exposure).toMatchObject({ unreadable: [], unwritable: [], mayLose: [], lost: [] });
  });

  test("with one away, exactly the partitions that the two share", () => {
    const map = mapOf({ nodes: 5 }); // partition p lies on p+1, p+2, p+3
    const [first] = exposures(map, live(1, 2, 3, 4));
    expect(first).toEqual({ node: 1, unreadable: [3, 4], unwritable: [3, 4], mayLose: [3, 4], lost: [] });
    const fourth = exposures(map, live(1, 2, 3, 4))[3];
    expect(fourth?.unwritable).toEqual([2, 3]);
  });

  test("what is so already is not counted again", () => {
    const map = mapOf({ nodes: 3 });
    expect(outcomeOf(map, live(1))).toMatchObject({ unreadable: [0, 1, 2], lost: [] });
    expect(exposures(map, live(1))).toEqual([{ node: 1, unreadable: [], unwritable: [], mayLose: [], lost: [0, 1, 2] }]);
  });

  test("in a joint configuration both sets have to go on, and the old one holds what is there", () => {
    const joint = { number: 2, sets: [...single([1, 2, 3], 2, 2).sets, ...single([3, 4, 5], 2, 2).sets] };
    const map = mapOf({ nodes: 5, partitions: [joint] });
    expect(outcomeOf(map, live(1, 2, 3))).toMatchObject({ unwritable: [0], mayLose: [], lost: [] });
    expect(exposures(map, live(1, 2, 3, 4)).flatMap(({ node, unreadable }) => (unreadable.length > 0 ? [node] : []))).toEqual([
      3, 4,
    ]);
  });

  test("quorums that need everyone are said to, as a note, while everyone is there", () => {
    const note = found({ n: 3, w: 3, r: 1 }, "exposed");
    expect(note.severity).toBe("note");
    expect(note.examples[0]).toMatch(/^dn-1: 3 partitions \(30 files\) could not be written$/);
    expect(isHealthy(findings({ n: 3, w: 3, r: 1 }))).toBe(true);
  });
});

describe("the newest backup", () => {
  const WALL_MS = factsOf().wallMs;

  test("is told with its age, and the command that makes another", () => {
    const world = { status: { backedUpAtMs: WALL_MS - 3 * 3_600_000 } };
    expect(backupAge(factsOf(world))).toEqual({
      ageMs: 10_800_000,
      words: "the SuperNode's state was last backed up 3 h ago",
      make: "qdfs backup FILE",
    });
    expect(backupAge(factsOf({ status: { backedUpAtMs: WALL_MS + 5_000 } }))?.ageMs).toBe(0); // its clock is ahead
  });

  test("that was never made is said to be so, and makes nothing wrong", () => {
    expect(backupAge(factsOf())?.words).toContain("was never backed up");
    expect(isHealthy(findings({}))).toBe(true);
    expect(backupAge(factsOf({ headless: true }))).toBeUndefined();
  });
});

describe("the diagnosis", () => {
  test("a whole cluster is healthy", () => {
    expect(findings({})).toEqual([]);
    expect(kinds({ nodes: 3 })).toEqual(["note no-spare"]);
    expect(isHealthy(findings({ nodes: 3 }))).toBe(true);
  });

  test("a dead node: files below N, what the next death would cost, and how to begin it again or give it up", () => {
    const world = { dead: [2] };
    expect(kinds(world)).toEqual(["warning below-n", "warning exposed", "warning node-down"]);
    expect(isHealthy(findings(world))).toBe(false);
    expect(found(world, "below-n")).toMatchObject({ count: 3, what: "3 partitions (30 files) below N: dn-2 does not answer" });
    const { mend, what } = found(world, "node-down");
    expect(what).toContain("nothing was heard for 9 s");
    expect(mend).toEqual([
      "qdfs datanode --port 72 --data DIR --supernode s:7000",
      "qdfs remove --dead dn-2   # only if it never comes back",
    ]);
    expect(found(world, "exposed").examples[0]).toMatch(/^dn-1: .*2 partitions \(20 files\) could not be read/);
  });

  test("worst first: what cannot be read or written, and a last copy in danger", () => {
    const world = { nodes: 3, dead: [1, 3] };
    expect(kinds(world).slice(0, 3)).toEqual(["critical unwritable", "critical unreadable", "critical exposed"]);
    expect(found(world, "unwritable").examples[0]).toBe("partition 0: 1 of 3 answer (dn-1, dn-2 and dn-3), w=2, r=2");
    expect(found(world, "exposed").examples[0]).toContain("the last copy of 3 partitions (30 files) would be lost");
    expect(found({ nodes: 3, dead: [1, 2, 3] }, "no-copy").severity).toBe("critical");
  });

  test("a node that stands still, one that the SuperNode does not hear, one that comes and goes", () => {
    const facts = factsOf({ dead: [2] });
    const status = facts.status;
    if (status === undefined) throw new Error("there is a status");
    const heard = status.nodes.map((one) => ({ ...one, node: { ...one.node, state: NodeState.UP } }));
    expect(diagnose({ ...facts, status: { ...status, nodes: heard, raised: [] } }).map(({ kind }) => kind)).toContain(
      "node-unreachable",
    );
    const unheard = status.nodes.map((one) => ({ ...one, node: { ...one.node, state: NodeState.SUSPECT } }));
    expect(diagnose({ ...factsOf(), status: { ...status, nodes: unheard } }).map(({ kind }) => kind)).toContain("node-unheard");
    const flapping = found({ statuses: { 3: { flaps: 5, heldForMs: 20_000 } } }, "node-flapping");
    expect(flapping).toMatchObject({ severity: "warning", mend: ["qdfs drain dn-3   # if it does not stop"] });
  });

  test("without a SuperNode what the nodes say is judged all the same", () => {
    const world = { headless: true, dead: [4] };
    expect(kinds(world)).toEqual(["warning below-n", "warning exposed", "warning supernode-down", "warning node-down"]);
    expect(found(world, "below-n").what).toBe("3 partitions below N: dn-4 does not answer");
    expect(found(world, "supernode-down").mend[0]).toBe("qdfs supernode --port 7000 --data DIR");
  });

  test("files whose replicas answer and lack something are named, within bounds, with what repairs them", () => {
    const thin = Array.from({ length: 25 }, (_, index) => ({
      path: `/f${index}`,
      copies: 2,
      n: 3,
      lacking: [{ node: 1, what: "version 3 (it holds 2)" }],
    }));
    const { count, examples, mend, what } = found({ files: { checked: 1_000, isAll: false, thin } }, "thin-files");
    expect(count).toBe(25);
    expect(examples).toHaveLength(DOCTOR_EXAMPLES_MAX);
    expect(examples[0]).toBe("/f0: 2 of 3; dn-1 lacks version 3 (it holds 2)");
    expect(what).toBe("25 files of 1,000 that were looked at below N, though their replicas answer");
    expect(mend[0]).toBe("qdfs repair /f0");
  });

  test("clocks apart by more than could be mismeasured", () => {
    expect(kinds({ answers: { 1: { clockAheadMs: 900 }, 2: { clockAheadMs: 5_000, clockErrorMs: 4_500 } } })).toEqual([]);
    const skew = found({ answers: { 1: { clockAheadMs: -3_600_000 } } }, "clock-skew");
    expect(skew.what).toMatch(/^the clock of .* is 1 h ahead of that of dn-1: times in listings are off by that, nothing else$/);
    expect(skew.examples[0]).toBe("dn-1: -1 h");
  });

  test("disks that fill, by what is free and by what was allowed, and those that are full", () => {
    expect(found({ statuses: { 1: { freeBytes: LOW_SPACE_BYTES - 1 } } }, "disk-filling").severity).toBe("warning");
    expect(found({ statuses: { 1: { usedBytes: 95, capacityBytes: 100 } } }, "disk-filling").what).toBe("dn-1 has 5 B left");
    expect(found({ statuses: { 1: { freeBytes: FREE_BYTES_MIN - 1 } } }, "disk-full").severity).toBe("critical");
    const raised = [{ node: 2, alarm: { kind: "disk-full", count: 1, words: ["disk full"] } }];
    expect(kinds({ status: { raised } })).toEqual(["critical disk-full"]);
    // Nothing was heard of it yet: an empty report is no full disk.
    expect(kinds({ statuses: { 1: { freeBytes: 0, capacityBytes: 0, usedBytes: 0, version: "" } } })).toEqual([]);
  });

  test("alarms of any kind, those of newer versions too", () => {
    const raised = [
      { node: 1, alarm: { kind: "divergent", count: 30, words: ["/a is older here"] } },
      { node: 2, alarm: { kind: "of-the-future", count: 1, words: ["who knows"] } },
    ];
    const world = { status: { raised } };
    expect(kinds(world)).toEqual(["warning divergent", "warning of-the-future"]);
    expect(found(world, "divergent")).toMatchObject({ count: 30, mend: ["qdfs repair --node dn-1"] });
  });

  test("a change in which nothing moves is stuck, one that goes on is not, and one that cannot begin says why", () => {
    const rebalance = {
      moving: 2,
      waiting: 1,
      moved: 0,
      files: 3,
      chunks: 0,
      sizeBytes: 0,
      waitsFor: ["partition 1: dn-4 has no room"],
    };
    const joint = [{ partition: 1, number: 2, forMs: 400_000 }];
    expect(kinds({ status: { rebalance, joint, standstillMs: 1_000 } })).toEqual(["note moving"]);
    const stuck = found({ status: { rebalance, joint, standstillMs: STANDSTILL_MS } }, "stuck");
    expect(stuck.examples).toEqual(["partition 1: dn-4 has no room", "partition 1: joint for 6 min 40 s"]);
    expect(kinds({ status: { rebalance: { ...rebalance, moving: 0 } } })).toEqual(["warning not-movable"]);
  });

  test("versions that differ are worth knowing", () => {
    expect(kinds({ answers: { 2: { version: "1.1.0" } } })).toEqual(["note versions-differ"]);
  });

  test("a cluster that waits for its nodes has not begun", () => {
    const world = { nodes: 1, partitions: [], status: { waitingFor: "waiting for 2 more DataNodes: 1 of 3 have joined" } };
    expect(found(world, "waiting").what).toContain("waiting for 2 more DataNodes");
  });

  test("there is a row for each server, and what its death would cost", () => {
    const rows = healthRows(factsOf({ dead: [2] }));
    expect(rows.map(({ id, state }) => `${id} ${state}`)).toEqual([
      "SuperNode s:7000 up",
      "dn-1 up",
      "dn-2 down",
      "dn-3 up",
      "dn-4 up",
    ]);
    expect(rows[1]?.ifItDied).toMatchObject({ unreadable: 2, lost: 0, words: "2 unreadable, 2 unwritable, 2 may lose writes" });
    expect(rows[2]).toMatchObject({ version: null, clockAheadMs: null });
  });
});
