/**
 * The first half of a rescan (P16): who has adopted the joint configurations, and what the old replicas hold of their partitions.
 *
 * Barrier: N-min(R,W)+1 replicas of the old set have durably adopted a map as new as ours, so no quorum of the old configuration can form any
 * more. Every replica that joins has, too: what is written from then on is written to it as well, and what was written before is found.
 * Then R of the old replicas are scanned. They meet every W that accepted a value, or confirmed a chunk, in the old configuration, for R >= N-W+1; and every
 * N-R+1 on whose word a read returned a value that was never chosen (N=3 W=3 R=3: a file that one replica holds was read there, and is lost if
 * another one alone is scanned). As a replica is scanned only after it adopted the new one, that was before its scan.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { mustCarry } from "../cluster/carrying.ts";
import { chunkPartitionOf, isNewerMap, partitionOf, replicasOf } from "../cluster/map.ts";
import { CONTROL_CALL_MS, QUORUM_PATIENCE_MS, SCAN_PAGE_MAX } from "../limits.ts";
import { barrierNeed, carryNeed, reachesIn } from "../register/quorum.ts";
import type { ChunkAt, Moving, Scan, Scanned } from "../wire/change-messages.ts";
import type { ClusterMap, Configuration, ReplicaSet } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";

/** A partition that changes from one replica set to another. */
export interface Change {
  readonly of: Moving;
  readonly configuration: Configuration;
  readonly from: ReplicaSet;
  readonly to: ReplicaSet;
  readonly joining: readonly NodeNumber[];
}

/** What has to be carried over, or what is waited for before that can be said. */
export type Surveyed =
  | {
      readonly paths: Set<Path>;
      readonly chunks: Map<string, ChunkAt>;
      /** What the absent files of the partition have forgotten (P14): a stamp; 0: nothing. */
      readonly forgotten: number;
    }
  | { readonly waitsFor: string };

/** Undefined: the configuration is not joint. */
export function changeOf(of: Moving, configuration: Configuration): Change | undefined {
  const [from, to] = configuration.sets;
  if (from === undefined || to === undefined) return undefined;
  return { of, configuration, from, to, joining: to.nodes.filter((node) => !from.nodes.includes(node)) };
}

/** Surveys several partitions at a time: each replica looks through all its files once. */
export async function survey(changes: readonly Change[], maps: MapKeeper, peers: Peers): Promise<ReadonlyMap<Change, Surveyed>> {
  const adopters = await adoptersAmong(new Set(changes.flatMap(({ configuration }) => replicasOf(configuration))), maps, peers);
  const results = new Map<Change, Surveyed>();
  const ready: Change[] = [];
  for (const change of changes) {
    const waitsFor = whyWait(change, adopters);
    if (waitsFor !== undefined) results.set(change, { waitsFor });
    else if (mustCarry(change.from, change.to)) ready.push(change);
    else results.set(change, { paths: new Set(), chunks: new Map(), forgotten: 0 });
  }
  const scanned = new Map(ready.map((change) => [change, new Found()]));
  for (const node of peers.inOrder([...adopters])) {
    const wanted = ready.filter(
      (change) => change.from.nodes.includes(node) && scanned.get(change)?.enough(change.from) === false,
    );
    if (wanted.length > 0) await scan(node, wanted, scanned, peers, maps.map);
  }
  for (const [change, found] of scanned) {
    const { paths, chunks, forgotten } = found;
    const need = carryNeed(change.from);
    const waitsFor = `${found.by.size} of ${need} replicas needed could be scanned${found.why === "" ? "" : ` (${found.why})`}`;
    results.set(change, found.enough(change.from) ? { paths, chunks, forgotten } : { waitsFor });
  }
  return results;
}

/** What was found of one partition. */
class Found {
  readonly paths = new Set<Path>();
  readonly chunks = new Map<string, ChunkAt>();
  forgotten = 0;
  /** Replicas that were scanned to the end. */
  readonly by = new Set<NodeNumber>();
  why = "";

  enough(set: ReplicaSet): boolean {
    return reachesIn(set, carryNeed, this.by);
  }
}

function whyWait({ from, joining }: Change, adopters: ReadonlySet<NodeNumber>): string | undefined {
  const late = [...from.nodes, ...joining].filter((node) => !adopters.has(node)).map(nodeName);
  const joined = joining.every((node) => adopters.has(node));
  if (joined && reachesIn(from, barrierNeed, adopters)) return undefined;
  return `not adopted yet by ${late.join(", ")}`;
}

/** The nodes that have durably adopted a map as new as ours. */
async function adoptersAmong(nodes: ReadonlySet<NodeNumber>, maps: MapKeeper, peers: Peers): Promise<ReadonlySet<NodeNumber>> {
  const adopters = new Set<NodeNumber>();
  const ours = maps.map;
  const { generation, version } = ours;
  const ask = async (node: NodeNumber): Promise<void> => {
    try {
      const { map } = await peers.call(node, 0, { map: { generation, version } }, QUORUM_PATIENCE_MS);
      if (map && !isNewerMap(ours, { ...ours, generation: map.generation, version: map.version })) adopters.add(node);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
  };
  await Promise.all([...nodes].map(ask));
  return adopters;
}

/** Adds what a replica holds of the partitions, unless it breaks off. */
async function scan(
  node: NodeNumber,
  changes: readonly Change[],
  scanned: ReadonlyMap<Change, Found>,
  peers: Peers,
  map: ClusterMap,
): Promise<void> {
  const of = changes.map((change) => change.of);
  const pages: Scanned[] = [];
  try {
    for (const chunks of [false, true]) {
      for (let after: string | undefined = ""; after !== undefined; ) {
        const request: Scan = { of, chunks, after, limit: SCAN_PAGE_MAX };
        const answer = await peers.call(node, 0, { scan: request }, CONTROL_CALL_MS);
        if (answer.scanned) pages.push(answer.scanned);
        after = answer.scanned?.next || undefined;
      }
    }
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    for (const change of changes) {
      const found = scanned.get(change);
      if (found !== undefined) found.why = `${nodeName(node)}: ${messageOf(error)}`;
    }
    return;
  }
  sort(node, changes, scanned, pages, map);
}

function sort(
  node: NodeNumber,
  changes: readonly Change[],
  scanned: ReadonlyMap<Change, Found>,
  pages: readonly Scanned[],
  map: ClusterMap,
): void {
  const byPartition = new Map(changes.map((change) => [change.of.partition, scanned.get(change)]));
  for (const { paths, chunks, memories = [] } of pages) {
    for (const { partition, forgotten } of memories) {
      const found = byPartition.get(partition);
      if (found !== undefined) found.forgotten = Math.max(found.forgotten, forgotten);
    }
    for (const path of paths) byPartition.get(partitionOf(map, path))?.paths.add(path);
    for (const { chunk, owner, checksum } of chunks)
      byPartition.get(chunkPartitionOf(map, chunk))?.chunks.set(chunk, { chunk, owner, checksum });
  }
  for (const found of byPartition.values()) found?.by.add(node);
}
