import { CHECKSUM_BYTES } from "../base/checksum.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import { type NodeNumber, nodeName, type Path } from "../base/ids.ts";
import { partitionOf, replicasOf } from "../cluster/map.ts";
import { OPERATION_BUDGET_MS, PROBE_MS } from "../limits.ts";
import { compareBallots, isAbsent } from "../register/ballot.ts";
import { headCodec } from "../wire/codec.ts";
import { type Ballot, type Configuration, type Version, Want } from "../wire/messages.ts";
import { ageOf, type ReadPorts, readEventual, readStrong, versionIn } from "./read.ts";
import type { ReadOptions, ReplicaStat, Stat } from "./types.ts";

/** A version's facts, and what each replica of the file holds. @throws QdfsError NOT_FOUND, QUORUM_UNAVAILABLE */
export async function stat(ports: ReadPorts, path: Path, options: ReadOptions): Promise<Stat> {
  const number = options.version ?? 0;
  const request = { path, version: number, want: "head", budgetMs: options.timeoutMs ?? OPERATION_BUDGET_MS } as const;
  const eventual = options.consistency === "eventual";
  const read = await (eventual ? readEventual(ports, request) : readStrong(ports, request));
  const { version } = versionIn(read, path, number);
  const { configuration, ballot } = read;
  const replicas = await Promise.all(
    replicasOf(configuration).map((node) => replicaStat(ports, path, configuration, node, ballot)),
  );
  return {
    path,
    version,
    guarantee: eventual ? "eventual" : "linearizable",
    node: nodeName(read.node),
    ...ageOf(read),
    partition: partitionOf(ports.holder.map, path),
    configuration: configuration.number,
    ballot,
    chunks: chunkCount(version),
    replicas,
  };
}

export function chunkCount({ chunks }: Version): number {
  return chunks === null ? 0 : chunks.checksums.length / CHECKSUM_BYTES;
}

/** What one replica holds, next to `current`: the ballot that a read returned. Never throws an operating failure. */
export async function replicaStat(
  { peers }: ReadPorts,
  path: Path,
  configuration: Configuration,
  node: NodeNumber,
  current: Ballot,
): Promise<ReplicaStat> {
  const name = nodeName(node);
  try {
    const { held } = await peers.call(node, configuration, { read: { path, want: Want.HEAD, version: 0 } }, PROBE_MS);
    if (!held) return { node: name, state: "unreachable", version: 0, cause: "it answered a read with something else" };
    const ballot = { configuration: held.ballot.configuration, counter: held.ballot.counter, node: held.ballot.node };
    if (isAbsent(ballot)) return { node: name, state: "absent", version: 0, ballot };
    const { version } = headCodec.decode(held.head).current;
    // Newer than what the read returned is current too: it was written in between.
    return { node: name, state: compareBallots(ballot, current) >= 0 ? "current" : "behind", version, ballot };
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return { node: name, state: "unreachable", version: 0, cause: messageOf(error) };
  }
}
