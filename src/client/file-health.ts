/**
 * Which files are below N although their replicas answer: all replicas of the first so many files are asked what they hold, chunks included.
 * One that is behind is looked at again a moment later, for it may have been about to hear of the write. Nothing is written.
 */
import { CHECKSUM_BYTES } from "../base/checksum.ts";
import { codeOf } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, configurationOf, partitionOf, replicasOf } from "../cluster/map.ts";
import type { FileFacts, ThinFile } from "../doctor/facts.ts";
import { QUORUM_PATIENCE_MS } from "../limits.ts";
import { compareBallots, isAbsent, sameBallot } from "../register/ballot.ts";
import { decodeHeld } from "../register/reader.ts";
import { DOCTOR_FILES_IN_FLIGHT, DOCTOR_LOOK_AGAIN_MS } from "../tool-limits.ts";
import { type Held, type Version, Want } from "../wire/messages.ts";
import { sleep } from "./inbox.ts";
import type { Listing } from "./listing.ts";
import type { ReadPorts } from "./read.ts";

/** `live`: nodes that answer; what the others hold is not asked. @throws QdfsError CLUSTER_UNREACHABLE: no SuperNode lists files */
export async function fileHealth(
  ports: ReadPorts,
  listing: Listing,
  filesMax: number,
  live: ReadonlySet<NodeNumber>,
): Promise<FileFacts> {
  const suspects: Path[] = [];
  let checked = 0;
  let isAll = true;
  const running = new Set<Promise<void>>();
  for await (const { path } of listing) {
    if (checked === filesMax) {
      isAll = false;
      break;
    }
    checked += 1;
    while (running.size >= DOCTOR_FILES_IN_FLIGHT) await Promise.race(running);
    const run: Promise<void> = look(ports, path, live)
      .then((thin) => {
        if (thin !== undefined) suspects.push(path);
      })
      .finally(() => running.delete(run));
    running.add(run);
  }
  await Promise.all(running);
  if (suspects.length > 0) await sleep(ports.runtime.timers, DOCTOR_LOOK_AGAIN_MS);
  const thin: ThinFile[] = [];
  for (const path of suspects.sort()) {
    const again = await look(ports, path, live);
    if (again !== undefined) thin.push(again);
  }
  return { checked, isAll: isAll && listing.incomplete === "", thin };
}

/** Undefined: every replica that answers holds all of the file's current version. */
async function look(ports: ReadPorts, path: Path, live: ReadonlySet<NodeNumber>): Promise<ThinFile | undefined> {
  const { map } = ports.holder;
  const configuration = configurationOf(map, partitionOf(map, path));
  const replicas = replicasOf(configuration);
  const asked = replicas.filter((node) => live.has(node));
  const held = new Map<NodeNumber, Held>();
  await Promise.all(
    asked.map(async (node) => {
      const answer = await operating(
        ports.peers.call(node, configuration, { read: { path, want: Want.HEAD, version: 0 } }, QUORUM_PATIENCE_MS),
      );
      if (answer?.held) held.set(node, answer.held);
    }),
  );
  const readable = [...held.values()].filter((one) => currentOf(one) !== undefined);
  const [highest] = readable.toSorted((a, b) => compareBallots(b.ballot, a.ballot));
  const current = highest === undefined ? undefined : currentOf(highest);
  if (highest === undefined || current === undefined) return undefined;
  const lacking = new Map<NodeNumber, string>();
  for (const [node, other] of held) {
    if (sameBallot(other.ballot, highest.ballot)) continue;
    const has = currentOf(other);
    // A settle gives W replicas a higher ballot of the same value: that is no other version.
    if (has?.operation.random === current.operation.random && has.version === current.version) continue;
    lacking.set(node, `version ${current.version} (it holds ${has?.version ?? "none"})`);
  }
  await lookAtChunks(ports, path, current, live, lacking);
  if (lacking.size === 0) return undefined;
  const copies = [...held.keys()].filter((node) => !lacking.has(node)).length;
  return { path, copies, n: replicas.length, lacking: [...lacking].map(([node, what]) => ({ node, what })) };
}

/** Undefined: it holds nothing, or what it holds cannot be read, which for a copy is the same. */
function currentOf({ ballot, head }: Held): Version | undefined {
  if (isAbsent(ballot)) return undefined;
  try {
    return decodeHeld(head).current;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

async function lookAtChunks(
  { holder: { map }, peers }: ReadPorts,
  path: Path,
  { chunks }: Version,
  live: ReadonlySet<NodeNumber>,
  lacking: Map<NodeNumber, string>,
): Promise<void> {
  if (chunks === null) return;
  const { upload, checksums } = chunks;
  const byStore = new Map<NodeNumber, { indexes: number[]; configurations: number[] }>();
  for (let index = 0; index < checksums.length / CHECKSUM_BYTES; index++) {
    const configuration = configurationOf(map, chunkPartitionOf(map, `${upload}-${index}`));
    for (const node of replicasOf(configuration)) {
      if (!live.has(node)) continue;
      const wanted = byStore.get(node) ?? { indexes: [], configurations: [] };
      wanted.indexes.push(index);
      wanted.configurations.push(configuration.number);
      byStore.set(node, wanted);
    }
  }
  await Promise.all(
    [...byStore].map(async ([node, { indexes, configurations }]) => {
      const confirm = { path, upload, indexes, configurations };
      const answer = await operating(peers.session(node).call(0, { confirm }, QUORUM_PATIENCE_MS));
      const missing = answer?.confirmed?.missing.length ?? 0;
      if (missing > 0 && !lacking.has(node)) lacking.set(node, `${missing} of its ${indexes.length} chunks`);
    }),
  );
}

/** Who does not answer now, or goes by another map, says nothing about the file. */
async function operating<T>(called: Promise<T>): Promise<T | undefined> {
  try {
    return await called;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}
