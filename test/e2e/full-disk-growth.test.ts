/** A DataNode whose disk fills up while it is given its share: everyone is told, nothing is lost, and it goes on when there is room. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { treeOf } from "../../src/tools/file-trees.ts";
import type { ClusterStatus, LocalCluster } from "../../src/tools/local-cluster.ts";
import { smallDisk } from "../small-disk.ts";
import { keepWorking, rebalanced } from "./growth.ts";
import { bytesOf, makeTree, putText, scratch, startCluster, textOf } from "./harness.ts";

setDefaultTimeout(180_000); // real processes on a busy machine; Bun forgets it at the end of each file

const DISK_BYTES = 1024 ** 3;
const LARGE_BYTES = 6 * 1024 * 1024;
const LARGE_FILES = 12;
const MOVED_MS = 120_000;

const isLong = process.env.QDFS_LONG === "1";
const disk = isLong ? smallDisk(DISK_BYTES) : undefined;

interface Finding {
  readonly kind: string;
  readonly severity: string;
  readonly what: string;
}

async function findingsOf(cluster: LocalCluster): Promise<readonly Finding[]> {
  const { stdout } = await cluster.run(["doctor", "--json", "--limit", "0"]);
  const { findings }: { findings: readonly Finding[] } = JSON.parse(stdout.toString());
  return findings;
}

/** What holds the rebalance up, in words. */
const waitsFor = ({ rebalance }: ClusterStatus): string => rebalance?.waitsFor.join("\n") ?? "";

test.skipIf(disk === undefined)(
  "a disk that fills up during a rebalance holds that up, not the files, and is told to the operator",
  async () => {
    if (disk === undefined) return;
    using room = disk;
    await using cluster = await startCluster({ dataDirs: { 3: join(room.path, "dn4") } });
    using files = scratch();
    const tree = join(files.path, "in");
    makeTree(tree, 150);
    for (let index = 0; index < LARGE_FILES; index += 1)
      writeFileSync(join(tree, `large${index}`), bytesOf(LARGE_BYTES, index + 1));
    await cluster.ok(["put", "-r", tree, "/t"]);
    const work = keepWorking(cluster);

    await cluster.addNode().start(); // dn-4
    await cluster.waitFor((status) => (status.rebalance?.moving ?? 0) > 0 && partitionsOf(status, "dn-4") > 100, MOVED_MS);
    room.fill();
    const stuck = await cluster.waitFor((status) => waitsFor(status).includes("dn-4 has no room"), MOVED_MS);
    expect(partitionsOf(stuck, "dn-4")).toBeLessThan(900);
    expect(stuck.alarms.join("\n")).toMatch(/dn-4: .*full/);
    expect(await findingsOf(cluster)).toContainEqual(
      expect.objectContaining({
        kind: "disk-full",
        severity: "critical",
        what: "the disk of dn-4 is full: it takes no new bytes",
      }),
    );
    await putText(cluster, "/while-full", "taken");
    expect(await textOf(cluster, "/while-full")).toBe("taken");
    await cluster.ok(["get", "-r", "/t", join(files.path, "while")]);
    expect(await treeOf(join(files.path, "while"))).toEqual(await treeOf(tree));

    room.empty();
    await cluster.waitFor(rebalanced("dn-4"), MOVED_MS);
    expect(await work.stop()).toBeGreaterThan(0);
    await cluster.waitFor(({ alarms }) => !alarms.some((words) => words.includes("full")), MOVED_MS);

    // Complete at dn-4 too: with any of the others dead every file is there.
    for (const dead of [0, 1, 2]) {
      await cluster.node(dead).stop("SIGKILL");
      const out = join(files.path, `out${dead}`);
      await cluster.ok(["get", "-r", "/t", out]);
      expect(await treeOf(out)).toEqual(await treeOf(tree));
      expect(await textOf(cluster, "/while-full")).toBe("taken");
      await cluster.node(dead).start();
      await cluster.waitFor(({ state }) => state === "ok");
    }
  },
);

function partitionsOf({ nodes }: ClusterStatus, node: string): number {
  return nodes.find(({ id }) => id === node)?.partitions ?? 0;
}
