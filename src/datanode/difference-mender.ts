/**
 * What becomes of a difference that a comparison of replicas found (entropy.ts): of a file or chunk that a peer holds, and this node does not
 * hold so. Each node mends only itself: what it holds and the peer does not is the peer's to find.
 *
 * A value of a file is taken over as P6 and P11 have it, never because a peer holds it: the file is settled, by a coordinator's R promises,
 * and what that found is learned (CatchUp.takeSettled). A peer may hold what was never chosen; then the settle finds something else, or
 * has it chosen. What was erased here does not come back with it: a tombstone that a peer has not erased yet is no difference (P14).
 * Lost is only what was missing when the peer had last said that it holds it. A peer that is silent leaves it open what an absent file at or
 * below what was erased here is, and while it is waited for the file may be written anew: neither is a loss. If it is one, it is found
 * by the next comparison.
 * A chunk is fetched only if the settled head of its owner names it, and with the checksum that stands there: what no version
 * names is on its way, or is garbage.
 */
import { CHECKSUM_BYTES, formatChecksum } from "../base/checksum.ts";
import { codeOf, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { configurationOf, partitionOf, replicasOf } from "../cluster/map.ts";
import { joiningIn } from "../cluster/moves.ts";
import { CONTROL_CALL_MS, OPERATION_BUDGET_MS, QUORUM_PATIENCE_MS } from "../limits.ts";
import type { ChunkId, NodeStore, Runtime } from "../ports.ts";
import { compareBallots } from "../register/ballot.ts";
import { isInline } from "../register/head.ts";
import { decodeHeld } from "../register/reader.ts";
import { type Ballot, type Head, type Version, Want } from "../wire/messages.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { Completer } from "./completer.ts";
import type { Coordinator } from "./coordinator.ts";
import { absenceHere } from "./erased-here.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

/** A file of which a peer holds something else. */
export interface FileDifference {
  readonly path: Path;
  readonly peer: number;
  /** What the peer has accepted, and whether it knows that chosen. */
  readonly ballot: Ballot;
  readonly chosen: boolean;
  /** This node had followed the peer's change log past that accept: it held this value, or a newer one. */
  readonly followed: boolean;
}

/** A chunk that a peer holds. */
export interface ChunkDifference {
  readonly chunk: ChunkId;
  readonly peer: number;
  readonly owner: Path;
  readonly checksum: string;
}

/**
 * `none`: there is nothing to be done here, or not any more. `late`: something had not come here yet, and has now. `lost`: something that had
 * been here was not, and is again. `damaged`: two replicas hold two things of which only one can be right, and which one cannot be told here.
 */
export interface Mended {
  readonly kind: "none" | "late" | "lost" | "damaged";
  /** What was found, in words. */
  readonly what: string;
  readonly sizeBytes: number;
}

const NOTHING: Mended = { kind: "none", what: "", sizeBytes: 0 };

export interface DifferenceMenderParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly maps: MapKeeper;
  readonly peers: Peers;
  readonly replica: Replica;
  readonly coordinator: Coordinator;
  readonly completer: Completer;
  readonly chunks: ChunkStore;
}

export class DifferenceMender {
  readonly #parts: DifferenceMenderParts;

  constructor(parts: DifferenceMenderParts) {
    this.#parts = parts;
  }

  /** @throws QdfsError whatever keeps it from being mended now */
  async file(difference: FileDifference): Promise<Mended> {
    const { maps, replica, completer } = this.#parts;
    const { path, ballot, chosen, followed } = difference;
    const configuration = maps.configurationOf(path);
    const { number } = configuration;
    const order = compareBallots(replica.accepted(path).ballot, ballot);
    if (order > 0) return NOTHING;
    if (order === 0) return await this.#sameValue(difference, number);
    if ((await absenceHere(this.#parts, difference)) !== "missing") return NOTHING;
    if (compareBallots(replica.accepted(path).ballot, ballot) >= 0) return NOTHING; // it came while the peer was asked
    const sizeBytes = await completer.complete({ path, ballot }, number).then(
      (completed) => completed.sizeBytes,
      (error) => {
        // A value that was never chosen need not be here, and a settle may have found another one.
        if (codeOf(error) === "QUORUM_UNAVAILABLE" && !chosen) return undefined;
        throw error;
      },
    );
    if (sizeBytes === undefined) return NOTHING;
    // Who joins begins with nothing (P15), whatever it had followed when it was a replica before: the mover is about to bring it.
    const joins = joiningIn(configuration).includes(maps.self);
    return { kind: chosen && followed && !joins ? "lost" : "late", what: `the current version of ${path}`, sizeBytes };
  }

  /** The same value: what of its bytes is missing here? Or do the heads differ? */
  async #sameValue({ path, peer, ballot }: FileDifference, number: number): Promise<Mended> {
    const { completer } = this.#parts;
    const missing = await this.#missing(path);
    const [first] = missing;
    if (first === undefined) return (await this.#sameHead(path, peer, ballot, number)) ? NOTHING : twoHeads(path);
    const { sizeBytes, lost } = await completer.complete({ path, ballot }, number);
    const what = `the content of ${missing.map(({ version }) => `${path}@${version}`).join(", ")}`;
    if (lost > 0) throw new QdfsError("QUORUM_UNAVAILABLE", `nobody holds ${what}`);
    const current = decodeHeld(this.#parts.replica.accepted(path).head).current;
    // A value is accepted along with its bytes; those of an earlier version may have passed by.
    return { kind: first.operation.random === current.operation.random ? "lost" : "late", what, sizeBytes };
  }

  /** The versions that the accepted head names whose inline bytes are not here, the current one first. */
  async #missing(path: Path): Promise<readonly Version[]> {
    const { store, replica } = this.#parts;
    const held = await new Promise<ReturnType<NodeStore["held"]>>((resolve, reject) => {
      replica.betweenCommits(() => {
        try {
          resolve(store.held(path));
        } catch (error) {
          reject(error);
        }
      });
    });
    if (held === undefined) return [];
    const { current, history } = decodeHeld(held.head);
    return [current, ...history].filter((version) => isInline(version) && !held.contents.includes(version.operation.random));
  }

  /** False: the peer holds another head under the same ballot. */
  async #sameHead(path: Path, peer: number, ballot: Ballot, number: number): Promise<boolean> {
    const { peers, replica } = this.#parts;
    const request = { read: { path, want: Want.HEAD, version: 0 } };
    const { held } = await peers.call(peer, number, request, QUORUM_PATIENCE_MS);
    const own = replica.accepted(path);
    if (!held || compareBallots(held.ballot, ballot) !== 0 || compareBallots(own.ballot, ballot) !== 0) return true;
    return Buffer.compare(held.head, own.head) === 0;
  }

  /** @throws as file */
  async chunk({ chunk, owner, checksum }: ChunkDifference): Promise<Mended> {
    const { store, chunks } = this.#parts;
    const row = store.chunk(chunk);
    if (row !== undefined) {
      if (row.owner === owner && row.checksum === checksum) return NOTHING;
      return { kind: "damaged", what: `two replicas hold chunk ${chunk} of ${owner} with different checksums`, sizeBytes: 0 };
    }
    const named = checksumNamed(await this.#settledHead(owner), chunk);
    if (named === undefined) return NOTHING;
    const taken = await chunks.take({ chunk, owner, checksum: named });
    if (taken === "held") return NOTHING;
    if (taken === "missing" || taken === "lost")
      throw new QdfsError("QUORUM_UNAVAILABLE", `nobody who answers holds an intact copy of chunk ${chunk} of ${owner}`);
    return { kind: "late", what: `chunk ${chunk} of ${owner}`, sizeBytes: taken.sizeBytes };
  }

  /** What a coordinator settles of a file, of which this node need not be a replica. Undefined: absent. */
  async #settledHead(path: Path): Promise<Head | undefined> {
    const { maps, peers, coordinator } = this.#parts;
    const configuration = configurationOf(maps.map, partitionOf(maps.map, path));
    const nodes = replicasOf(configuration);
    if (nodes.includes(maps.self)) return headOf(await coordinator.settle(path, OPERATION_BUDGET_MS));
    let failure: unknown;
    for (const node of peers.inOrder(nodes)) {
      try {
        const request = { settle: { path, budgetMs: CONTROL_CALL_MS } };
        const { settled } = await peers.call(node, configuration.number, request, CONTROL_CALL_MS);
        if (settled) return headOf(settled);
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
        failure = error;
      }
    }
    throw failure;
  }
}

function headOf({ head }: { readonly head: Uint8Array }): Head | undefined {
  return head.length === 0 ? undefined : decodeHeld(head);
}

/** The checksum that a head has for a chunk; undefined: no version that it names has such a chunk. */
function checksumNamed(head: Head | undefined, chunk: ChunkId): string | undefined {
  if (head === undefined) return undefined;
  for (const { chunks } of [head.current, ...head.history]) {
    if (chunks === null || !chunk.startsWith(`${chunks.upload}-`)) continue;
    const at = Number(chunk.slice(chunks.upload.length + 1)) * CHECKSUM_BYTES;
    const { buffer, byteOffset, byteLength } = chunks.checksums;
    if (at + CHECKSUM_BYTES <= byteLength) return formatChecksum(new DataView(buffer, byteOffset, byteLength).getBigUint64(at));
  }
  return undefined;
}

function twoHeads(path: Path): Mended {
  return { kind: "damaged", what: `two replicas hold different heads of ${path} under one ballot`, sizeBytes: 0 };
}
