/** The quorum of a running cluster changes: under load that is judged, over deaths of the SuperNode, with DataNodes that come; and an adaptive one moves by itself. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { Exit } from "../../src/base/errors.ts";
import type { ClusterStatus, LocalCluster } from "../../src/tools/local-cluster.ts";
import { bytesOf, fails, putText, startCluster, textOf } from "./harness.ts";

/** The others take a minute each: QDFS_LONG=1 runs them, too. */
const LONG = process.env.QDFS_LONG === "1";

setDefaultTimeout(240_000); // real processes on a busy machine

const MOVED_MS = 90_000;

interface QuorumRow {
  readonly n: number;
  readonly w: number;
  readonly r: number;
  readonly inForce: boolean;
  readonly since: string | null;
}

interface BenchRow {
  readonly check: { readonly verdict: string; readonly operationsChecked: number };
}

async function quorumOf(cluster: LocalCluster): Promise<QuorumRow | undefined> {
  return (await cluster.rows<QuorumRow>(["quorum", "show"]))[0];
}

/** A load that is judged, until it has lasted so long. */
function judgedLoad(cluster: LocalCluster, seconds: number) {
  const flags = ["--mix", "balanced", "--clients", "4", "--rate", "150", "--files", "40", "--size", "1KiB", "--check"];
  return cluster.rows<BenchRow>(["bench", ...flags, "--duration", `${seconds}s`], { timeoutMs: 200_000 });
}

test("a quorum is set under judged load, over a death of the SuperNode, and set back", async () => {
  await using cluster = await startCluster();
  await putText(cluster, "/before", "kept");
  const load = judgedLoad(cluster, 15);

  const refused = await fails(cluster, Exit.UNAVAILABLE, ["quorum", "set", "n=5,w=3,r=3"]);
  expect(refused.stderr).toContain("n = 5 replicas need 5 DataNodes, and the cluster has 3: 2 more must join first");
  await cluster.waitFor(({ nodes }) => nodes.every(({ files }) => files > 0)); // they tell with their heartbeats
  const [dry] = await cluster.rows<{ partitions: number; files: number }>(["quorum", "set", "read-optimized", "--dry-run"]);
  expect(dry?.partitions).toBe(1024);
  expect(dry?.files).toBeGreaterThan(0);
  expect(await quorumOf(cluster)).toMatchObject({ n: 3, w: 2, r: 2, inForce: true });

  await cluster.ok(["quorum", "set", "read-optimized", "--no-wait"]);
  await cluster.waitFor(({ rebalance }) => rebalance !== null && rebalance.moving > 0);
  await cluster.supernode.stop("SIGKILL");
  expect(await textOf(cluster, "/before")).toBe("kept");
  await cluster.supernode.start();
  await cluster.ok(["quorum", "set", "read-optimized"], { timeoutMs: MOVED_MS }); // nothing new: it waits
  expect(await quorumOf(cluster)).toMatchObject({ n: 3, w: 3, r: 1, inForce: true });

  await cluster.ok(["quorum", "set", "n=3,w=2,r=2"], { timeoutMs: MOVED_MS });
  expect(await quorumOf(cluster)).toMatchObject({ n: 3, w: 2, r: 2, inForce: true });
  expect((await load)[0]?.check.verdict).toBe("ok");
});

test.if(LONG)("a quorum is replaced under judged load while it is set, and goes from three copies to five and back", async () => {
  await using cluster = await startCluster();
  await putText(cluster, "/before", "kept");
  await cluster.ok(["put", "-", "/large"], { stdin: bytesOf(9 * 1024 * 1024, 3) });
  const load = judgedLoad(cluster, 60);

  await cluster.ok(["quorum", "set", "n=3,w=2,r=3", "--no-wait"]);
  await cluster.ok(["quorum", "set", "write-optimized"], { timeoutMs: MOVED_MS });
  expect(await quorumOf(cluster)).toMatchObject({ n: 3, w: 1, r: 3, inForce: true });

  for (const node of [cluster.addNode(), cluster.addNode()]) await node.start();
  await cluster.ok(["quorum", "set", "n=5,w=3,r=3"], { timeoutMs: MOVED_MS });
  expect(await quorumOf(cluster)).toMatchObject({ n: 5, w: 3, r: 3, inForce: true });
  const [bench] = await load;
  expect(bench?.check.verdict).toBe("ok");
  expect(bench?.check.operationsChecked).toBeGreaterThan(1_000);

  // Two of five may die now, for every file has three of them left; chunks, too.
  await cluster.waitFor(({ state, rebalance }) => state === "ok" && rebalance === null, MOVED_MS);
  for (const dead of [0, 1]) await cluster.node(dead).stop("SIGKILL");
  expect(await textOf(cluster, "/before")).toBe("kept");
  expect((await cluster.ok(["cat", "/large"])).stdout.equals(bytesOf(9 * 1024 * 1024, 3))).toBe(true);
  for (const dead of [0, 1]) await cluster.node(dead).start();
  await cluster.waitFor(({ state }) => state === "ok");
  await cluster.ok(["quorum", "set", "n=3,w=2,r=2"], { timeoutMs: MOVED_MS });
  expect(await textOf(cluster, "/before")).toBe("kept");
});

test.if(LONG)("an adaptive quorum follows a load that turns from 95 % reads to 95 % writes", async () => {
  await using cluster = await startCluster({
    quorum: "adaptive",
    superFlags: ["--adaptive-calm", "3s", "--adaptive-dwell", "5s", "-v"],
  });
  const load = (gets: number, puts: number) =>
    Promise.all(
      [["get", gets] as const, ["put", puts] as const].map(([only, rate]) =>
        cluster.ok(
          [
            "bench",
            "--only",
            only,
            "--rate",
            String(rate),
            "--clients",
            "2",
            "--files",
            "50",
            "--size",
            "1KiB",
            "--duration",
            "40s",
          ],
          { timeoutMs: 200_000 },
        ),
      ),
    );
  const at = (w: number, r: number) => (status: ClusterStatus) => {
    const { quorum, rebalance } = status;
    return quorum.w === w && quorum.r === r && rebalance === null;
  };
  const reading = load(285, 15);
  const moved = await cluster.waitFor(at(3, 1), MOVED_MS);
  expect(moved.quorum).toMatchObject({ name: "adaptive", inForce: true });
  expect(Date.parse(String(moved.quorum.since))).toBeGreaterThan(0);
  await reading;
  const writing = load(15, 285);
  const back = await cluster.waitFor(at(2, 2), MOVED_MS);
  await writing;
  expect(Date.parse(String(back.quorum.since))).toBeGreaterThan(Date.parse(String(moved.quorum.since)));
  expect(cluster.supernode.stderr().match(/the quorum has changed/g)?.length ?? 0).toBeGreaterThanOrEqual(2);
});
