/** Scrub and repair as operators ask for them: calls to every DataNode concerned, over the control plane. */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, nodeOf, partitionOf, replicasOf } from "../cluster/map.ts";
import { OPERATION_BUDGET_MS, REPAIR_PATHS_MAX } from "../limits.ts";
import { chunksNamed } from "../wire/chunk-list.ts";
import type { Finding, ScrubReport } from "../wire/maintenance-messages.ts";
import { type ReadPorts, readStrong } from "./read.ts";

export interface NodeScrub extends ScrubReport {
  readonly node: string;
}

export interface NodeRepair {
  readonly node: string;
  /** What was not as it should be, and whether it is mended. */
  readonly findings: readonly Finding[];
  /** Files of which something could not be mended now; the node goes on trying. */
  readonly unmended: readonly Path[];
  /** Why the node did not do it. */
  readonly failure?: string;
}

/** Where the scrub of a node stands; `start` begins a pass first. @throws QdfsError CLUSTER_UNREACHABLE, NOT_ALLOWED */
export async function scrubNode({ holder }: ReadPorts, node: NodeNumber, start: boolean): Promise<NodeScrub> {
  const report = await holder.server(nodeOf(holder.map, node).grpc).scrub({ start });
  return { node: nodeName(node), ...report };
}

/** Has one node compare and mend what it holds of the files; never rejects with an operating failure. */
export async function repairAt(ports: ReadPorts, node: NodeNumber, paths: readonly Path[]): Promise<NodeRepair> {
  const { holder } = ports;
  const server = holder.server(nodeOf(holder.map, node).grpc);
  const findings: Finding[] = [];
  const unmended: Path[] = [];
  try {
    for (let at = 0; at < paths.length; at += REPAIR_PATHS_MAX) {
      let pending: readonly Path[] = paths.slice(at, at + REPAIR_PATHS_MAX);
      let found = new Map<string, Finding>();
      for (let since = 0; pending.length > 0; ) {
        const reply = await server.repair({ paths: pending, since });
        found = new Map([...found, ...reply.findings.map((finding) => [keyOf(finding), finding] as const)]);
        unmended.push(...reply.unmended);
        ({ pending, since } = reply);
      }
      findings.push(...found.values());
    }
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return { node: nodeName(node), findings, unmended, failure: messageOf(error) };
  }
  return { node: nodeName(node), findings, unmended };
}

/** Every replica of the file, and every store of its chunks, compares and mends. @throws QdfsError NOT_FOUND, QUORUM_UNAVAILABLE */
export async function repairFile(ports: ReadPorts, path: Path): Promise<readonly NodeRepair[]> {
  const { holder } = ports;
  const { head } = await readStrong(ports, { path, version: 0, want: "head", budgetMs: OPERATION_BUDGET_MS });
  if (head === undefined || head.current.version === 0) throw new QdfsError("NOT_FOUND", `${path} does not exist`, { path });
  const nodes = new Set(replicasOf(configurationOf(holder.map, partitionOf(holder.map, path))));
  for (const version of [head.current, ...head.history]) {
    for (const { chunk } of chunksNamed(version)) {
      for (const node of replicasOf(configurationOf(holder.map, chunkPartitionOf(holder.map, chunk)))) nodes.add(node);
    }
  }
  return await Promise.all([...nodes].sort((a, b) => a - b).map((node) => repairAt(ports, node, [path])));
}

function keyOf({ what, path, name }: Finding): string {
  return `${what} ${name} ${path}`;
}
