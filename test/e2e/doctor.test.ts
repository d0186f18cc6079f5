/** `qdfs doctor` on real processes: a node that is killed, one that stands still, one that comes and goes, a disk that fills up. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Exit } from "../../src/base/errors.ts";
import { FLAP_HOLD_MS } from "../../src/limits.ts";
import type { LocalCluster } from "../../src/tools/local-cluster.ts";
import { smallDisk } from "../small-disk.ts";
import { bytesOf, putText, startCluster } from "./harness.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

interface Diagnosis {
  readonly healthy: boolean;
  readonly findings: readonly {
    readonly kind: string;
    readonly severity: string;
    readonly what: string;
    readonly count: number;
    readonly examples: readonly string[];
    readonly mend: readonly string[];
  }[];
  readonly nodes: readonly {
    readonly id: string;
    readonly state: string;
    readonly clockAheadMs: number | null;
    readonly clockErrorMs: number | null;
    readonly ifItDied: { readonly unreadable: number; readonly unwritable: number };
  }[];
  readonly files: { readonly checked: number; readonly all: boolean; readonly belowN: number } | null;
}

/** What `qdfs doctor --json` says; its exit code must agree. */
async function examined(cluster: LocalCluster): Promise<Diagnosis & { readonly kinds: readonly string[] }> {
  const { exit, stdout, stderr } = await cluster.run(["doctor", "--json"]);
  const diagnosis: Diagnosis = JSON.parse(stdout.toString() || `{"error":${JSON.stringify(stderr)}}`);
  expect([exit, diagnosis.healthy]).toEqual(diagnosis.healthy ? [Exit.DONE, true] : [Exit.VIOLATION, false]);
  return { ...diagnosis, kinds: diagnosis.findings.filter(({ severity }) => severity !== "note").map(({ kind }) => kind) };
}

/** The first diagnosis that meets the condition. */
async function until(
  cluster: LocalCluster,
  condition: (diagnosis: Awaited<ReturnType<typeof examined>>) => boolean,
): Promise<Awaited<ReturnType<typeof examined>>> {
  const endMs = performance.now() + 30_000;
  for (;;) {
    const diagnosis = await examined(cluster);
    if (condition(diagnosis)) return diagnosis;
    if (performance.now() > endMs) throw new Error(`the doctor still says ${JSON.stringify(diagnosis.findings)}`);
    await Bun.sleep(200);
  }
}

describe("qdfs doctor", () => {
  test("says what is wrong with nodes and what mends it, and is content again when that was typed", async () => {
    await using cluster = await startCluster();
    for (let index = 0; index < 12; index++) await putText(cluster, `/f${index}`, String(index));
    await cluster.ok(["put", "-", "/big"], { stdin: bytesOf(9 * 2 ** 20) });

    const whole = await until(cluster, ({ healthy }) => healthy);
    expect(whole.files).toEqual({ checked: 13, all: true, belowN: 0 });
    expect(whole.nodes.map(({ state }) => state)).toEqual(["up", "up", "up", "up"]);
    for (const { clockAheadMs, clockErrorMs } of whole.nodes)
      expect(Math.abs(clockAheadMs ?? Number.NaN)).toBeLessThanOrEqual((clockErrorMs ?? 0) + 1); // one machine, one clock

    // Killed.
    await cluster.node(2).stop("SIGKILL");
    const killed = await until(cluster, ({ kinds }) => kinds.includes("node-down"));
    expect(killed.kinds).toEqual(["below-n", "exposed", "node-down"]);
    expect(killed.findings[0]).toMatchObject({ count: 1024, what: "1,024 partitions (13 files) below N: dn-3 does not answer" });
    expect(killed.nodes[1]).toMatchObject({ id: "dn-1", ifItDied: { unreadable: 1024, unwritable: 1024 } });
    const mend = killed.findings.find(({ kind }) => kind === "node-down")?.mend ?? [];
    const port = cluster.node(2).ready.grpc.split(":").at(-1);
    expect(mend[0]).toBe(`qdfs datanode --port ${port} --data DIR --supernode ${cluster.address}`);
    expect(mend[1]).toStartWith("qdfs remove --dead dn-3");
    const { stdout } = await cluster.run(["doctor"]);
    expect(stdout.toString()).toContain("dn-3 does not answer");

    // A second one stands still: half of the cluster is gone, and the doctor says so all the same.
    cluster.node(1).signal("SIGSTOP");
    const frozen = await examined(cluster);
    expect(frozen.findings[0]).toMatchObject({ kind: "unwritable", severity: "critical", count: 1024 });
    expect(frozen.kinds).toContain("unreadable");
    expect(frozen.findings.some(({ what }) => what.startsWith("dn-2 does not answer"))).toBe(true);
    cluster.node(1).signal("SIGCONT");
    await cluster.node(2).start();
    await until(cluster, ({ healthy }) => healthy);

    // Without the SuperNode there is no list of files, and still a diagnosis.
    await cluster.supernode.stop("SIGKILL");
    const headless = await examined(cluster);
    expect(headless.kinds).toEqual(["supernode-down"]);
    expect(headless.files).toBeNull();
    await cluster.supernode.start();
    await until(cluster, ({ healthy }) => healthy);
  });

  test("a node that dies again and again is held back for a while, whoever begins it anew", async () => {
    await using cluster = await startCluster();
    await putText(cluster, "/a", "x");
    for (let times = 0; times < 3; times++) {
      await cluster.node(1).stop("SIGKILL");
      await cluster.node(1).start();
      await Bun.sleep(700); // it is heard
    }
    const { findings } = await until(cluster, ({ kinds }) => kinds.includes("node-flapping"));
    expect(findings.find(({ kind }) => kind === "node-flapping")?.what).toStartWith("dn-2 comes and goes, 3 times lately");
    const [, held] = await cluster.rows<{ id: string; state: string; flaps: number; heldForMs: number; leads: number }>([
      "nodes",
    ]);
    expect(held).toMatchObject({ id: "dn-2", state: "up", flaps: 3, leads: 0 });
    expect(held?.heldForMs).toBeGreaterThan(0);
    expect(held?.heldForMs).toBeLessThanOrEqual(FLAP_HOLD_MS);
    const metrics = await (await fetch(`http://${cluster.supernode.ready.http}/metrics`)).text();
    expect(metrics).toContain('qdfs_node_held{node="dn-2"} 1');
    await putText(cluster, "/a", "y"); // it serves
    await until(cluster, ({ healthy }) => healthy);
    const [, steady] = await cluster.rows<{ leads: number; heldForMs: number }>(["nodes"]);
    expect(steady?.heldForMs).toBe(0);
    expect(steady?.leads).toBeGreaterThan(100);
  });

  const disk = smallDisk(256 * 2 ** 20);
  test.skipIf(disk === undefined)("a disk that fills up is said to before it is full, and when it is", async () => {
    if (disk === undefined) return;
    using _ = disk;
    await using cluster = await startCluster({ dataDirs: { 0: join(disk.path, "dn1") } });
    const filling = await until(cluster, ({ kinds }) => kinds.includes("disk-filling"));
    expect(filling.findings[0]).toMatchObject({ kind: "disk-filling", severity: "warning" });
    expect(filling.findings[0]?.what).toMatch(/^dn-1 has .* left$/);
    expect(filling.findings[0]?.mend[0]).toStartWith("qdfs datanode --port 0 --data DIR");
    disk.fill();
    const full = await until(cluster, ({ kinds }) => kinds.includes("disk-full"));
    expect(full.findings[0]).toMatchObject({ severity: "critical", what: "the disk of dn-1 is full: it takes no new bytes" });
    disk.empty();
    await until(cluster, ({ kinds }) => !kinds.includes("disk-full"));
  });

  test("a cluster that cannot be reached is another exit code than one that is ill", async () => {
    await using cluster = await startCluster();
    const { exit, stderr } = await cluster.run(["doctor", "--json"], {
      env: { QDFS_SUPERNODE: "127.0.0.1:1", XDG_CACHE_HOME: join(cluster.dir, "no-cache") },
    });
    expect(exit).toBe(Exit.UNAVAILABLE);
    expect(stderr).toContain("CLUSTER_UNREACHABLE");
  });
});
