/** The assembly: real sockets, real SQLite, real DataNodes, in one process. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checksumOf } from "../../src/base/checksum.ts";
import { codeOf } from "../../src/base/errors.ts";
import { configurationOf, nodeOf, partitionOf } from "../../src/cluster/map.ts";
import { parseQuorumSpec } from "../../src/cluster/quorum-spec.ts";
import { type DataNodeOptions, type ServedDataNode, serveDataNode } from "../../src/datanode/serve.ts";
import { SCRUB_PERIOD_MS } from "../../src/limits.ts";
import { HeardCounter } from "../../src/register/heard-counter.ts";
import { realRuntime } from "../../src/runtime/runtime.ts";
import { type ServedSuperNode, type SuperNodeOptions, serveSuperNode } from "../../src/supernode/serve.ts";
import { GrpcControlDialer } from "../../src/transport/grpc-control.ts";
import { GrpcSessionDialer } from "../../src/transport/grpc-session.ts";

setDefaultTimeout(120_000); // real processes on a busy machine; Bun forgets it at the end of each file

const runtime = realRuntime("quiet");
const host = "127.0.0.1";
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.reverse().splice(0)) await end();
});

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "qdfs-supernode-"));
  ends.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function superNode(options: Partial<SuperNodeOptions>): Promise<ServedSuperNode> {
  const served = await serveSuperNode({ host, port: 0, httpPort: 0, dataDir: "", runtime, ...options });
  let drained: Promise<void> | undefined;
  const once = { ...served, drain: () => (drained ??= served.drain()) };
  ends.push(once.drain);
  return once;
}

async function dataNode(dataDir: string, supernode: string, advertised: Partial<DataNodeOptions> = {}): Promise<ServedDataNode> {
  const own = { zone: "", weight: 1, capacityBytes: 0, scrubPeriodMs: SCRUB_PERIOD_MS };
  const options = { host, port: 0, httpPort: 0, dataDir, supernodes: [supernode], ...own };
  const served = await serveDataNode({ ...options, ...advertised, runtime });
  ends.push(served.drain);
  return served;
}

function control(address: string) {
  const connection = new GrpcControlDialer(runtime).connect(address);
  ends.push(() => connection.close());
  return connection;
}

const everything = { prefix: "/", recursive: true, node: 0, limit: 0, after: "", eventual: false, kind: 0 as const };

async function put(grpc: string, path: string, text: string): Promise<void> {
  const { map } = await control(grpc).getMap();
  const configuration = configurationOf(map, partitionOf(map, path));
  const home = nodeOf(map, configuration.sets[0]?.nodes[0] ?? 0);
  const dialer = new GrpcSessionDialer(runtime, new HeardCounter(), () => ({ clusterId: map.clusterId, node: 0, version: "" }));
  const content = Buffer.from(text);
  const version = {
    version: 0,
    tombstone: false,
    operation: { stamp: 1, random: "" },
    sizeBytes: content.length,
    modifiedAtMs: 1,
    writtenAtMs: 1,
    checksum: checksumOf(content),
    contentType: "",
    metadata: {},
    mode: 0,
    by: "test",
    chunks: null,
  };
  const operation = { stamp: 1, random: runtime.random.hex(16) };
  const mutate = { path, operation, attempt: 1, budgetMs: 5_000, ack: 0, put: { version, content } };
  const answer = await dialer.session(home.grpc).call(configuration.number, { mutate }, 6_000);
  expect(answer.mutated?.outcome.refusal).toBe("");
  dialer.close();
}

test("a SuperNode admits real DataNodes, lists what is put, and loses nothing over a restart", async () => {
  const dataDir = directory();
  const first = await superNode({ dataDir, quorum: parseQuorumSpec("n=3,w=2,r=2") });
  const nodes = await Promise.all([1, 2, 3].map(() => dataNode(directory(), first.grpc)));
  expect(nodes.map((node) => node.id).sort()).toEqual(["dn-1", "dn-2", "dn-3"]);
  for (let i = 0; i < 10; i++) {
    await put(first.grpc, `/d/f${i}`, "x".repeat(i));
    const listed = await control(first.grpc).list(everything);
    expect(listed.incomplete).toBe("");
    expect(listed.entries).toHaveLength(i + 1);
  }
  const status = await control(first.grpc).status({ eventual: false });
  expect(status).toMatchObject({ clusterId: first.clusterId, state: "ok", files: 10, bytes: 45, alarms: [] });
  expect(status.nodes.map((node) => node.files)).toEqual([10, 10, 10]);
  expect(await (await fetch(`http://${first.http}/metrics`)).text()).toContain("qdfs_files 10\n");
  expect((await fetch(`http://${first.http}/healthz`)).status).toBe(200);

  const port = Number(first.grpc.split(":")[1]);
  await first.drain();
  const second = await superNode({ dataDir, port }); // without --quorum: the stored one
  expect(second.clusterId).toBe(first.clusterId);
  const listed = await control(second.grpc).list(everything);
  expect(listed.incomplete).toBe("");
  expect(listed.entries).toHaveLength(10);
  expect(listed.entries[9]).toMatchObject({
    path: "/d/f9",
    sizeBytes: 9,
    version: 1,
    checksum: checksumOf(Buffer.from("x".repeat(9))),
  });
}, 30_000);

test("the map names the addresses that servers advertise, not those where they listen", async () => {
  const supernode = await superNode({ dataDir: directory(), advertise: "super.example:17000" });
  const addresses = { advertise: "node.example:17101", advertiseHttp: "node.example:17181" };
  await dataNode(directory(), supernode.grpc, addresses);
  const { map } = await control(supernode.grpc).getMap();
  expect(map.supernodes).toEqual(["super.example:17000"]);
  expect(map.nodes).toMatchObject([{ grpc: "node.example:17101", http: "node.example:17181" }]);
});

test("the quorum of a cluster that exists is not changed by a flag", async () => {
  const dataDir = directory();
  await (await superNode({ dataDir, quorum: parseQuorumSpec("majority,n=5") })).drain();
  const second = await superNode({ dataDir, quorum: parseQuorumSpec("n=3,w=2,r=2") }); // it may have been set since that was written
  const { map } = await control(second.grpc).getMap();
  expect(map.policy).toMatchObject({ n: 5, w: 3, r: 3, name: "majority" });
});

test("a port in use and a directory in use are refused, and nothing is left of the attempt that was not there", async () => {
  const dataDir = directory();
  const first = await superNode({ dataDir });
  const other = directory();
  const port = Number(first.grpc.split(":")[1]);
  expect(codeOf(await superNode({ dataDir: other, port }).catch((error) => error))).toBe("ADDRESS_IN_USE");
  // The cluster was never made, so its quorum is still free.
  await superNode({ dataDir: other, quorum: parseQuorumSpec("majority,n=5") });
  expect(codeOf(await superNode({ dataDir }).catch((error) => error))).toBe("DATA_DIR_LOCKED");
  expect(existsSync(join(dataDir, "map.db"))).toBe(true);
});
