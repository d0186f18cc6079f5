/**
 * Brings this replica everything of a file, or of chunks, that a change of configurations counts it for (P16): the accepted value at a given
 * ballot or above, the inline bytes of every version that it names, copies of chunks. What is here is verified, what is not is fetched.
 */
import { checksumOf } from "../base/checksum.ts";
import { QdfsError } from "../base/errors.ts";
import { nodeName } from "../base/ids.ts";
import { partitionOf } from "../cluster/map.ts";
import { QUORUM_PATIENCE_MS, TAKE_MS } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import { compareBallots, isAbsent } from "../register/ballot.ts";
import { headAlone, isInline } from "../register/head.ts";
import { decodeHeld } from "../register/reader.ts";
import type { Complete, Completed, Take, Taken } from "../wire/change-messages.ts";
import { headCodec } from "../wire/codec.ts";
import type { Remember } from "../wire/garbage-messages.ts";
import type { Configuration, Head, Version } from "../wire/messages.ts";
import type { CatchUp } from "./catch-up.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { ContentSource } from "./content-source.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

export interface CompleterParts {
  readonly runtime: Pick<Runtime, "clock">;
  readonly maps: MapKeeper;
  readonly peers: Peers;
  readonly replica: Replica;
  readonly contents: ContentSource;
  readonly catchUp: CatchUp;
  readonly chunks: ChunkStore;
}

export class Completer {
  readonly #parts: CompleterParts;

  constructor(parts: CompleterParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the file's accepted value, at `ballot` or above, and all its inline bytes are durable here. `number`: of the
   * configuration in which that is to be so.
   * @throws QdfsError CONFIGURATION_STALE, QUORUM_UNAVAILABLE and whatever a settle throws: not yet
   */
  async complete({ path, ballot }: Complete, number: number): Promise<Completed> {
    const { maps, replica, catchUp } = this.#parts;
    const configuration = maps.checkPartition(partitionOf(maps.map, path), number);
    if (compareBallots(replica.accepted(path).ballot, ballot) < 0) await catchUp.takeSettled(path);
    let sizeBytes = 0;
    let lost = 0;
    const accepted = replica.accepted(path);
    if (compareBallots(accepted.ballot, ballot) < 0)
      throw new QdfsError("QUORUM_UNAVAILABLE", `${nodeName(maps.self)} holds an older value of ${path}`);
    if (isAbsent(accepted.ballot)) return { sizeBytes, lost };
    const { current, history } = decodeHeld(accepted.head);
    for (const version of [current, ...history]) {
      const fetched = isInline(version) ? await this.#fill(path, configuration, version) : 0;
      if (fetched === "lost") lost += this.#isNamed(path, version) ? 1 : 0;
      else sizeBytes += fetched;
    }
    return { sizeBytes, lost };
  }

  /** Remembers what those who were here before have forgotten of absent files (P14). @throws QdfsError CONFIGURATION_STALE */
  async remember({ of: { partition, number }, forgotten }: Remember): Promise<void> {
    this.#parts.maps.checkPartition(partition, number);
    await this.#parts.replica.remember({ partition, number, forgotten });
  }

  /** Takes chunks of a partition over. @throws QdfsError CONFIGURATION_STALE, STORAGE_FULL */
  async take({ of: { partition, number }, chunks }: Take): Promise<Taken> {
    this.#parts.maps.checkPartition(partition, number);
    const { clock } = this.#parts.runtime;
    const endMs = clock.monotonicMs() + TAKE_MS / 2; // the rest is asked for again: what is fetched is to be paid for (carry-pace.ts)
    const [missing, lost]: [string[], string[]] = [[], []];
    let sizeBytes = 0;
    for (const wanted of chunks) {
      const taken = clock.monotonicMs() < endMs ? await this.#parts.chunks.take(wanted) : "missing";
      if (taken === "missing") missing.push(wanted.chunk);
      else if (taken === "lost") lost.push(wanted.chunk);
      else if (taken !== "held") sizeBytes += taken.sizeBytes;
    }
    return { missing, lost, sizeBytes };
  }

  /** Bytes fetched; 0: an intact copy is here. */
  async #fill(path: string, configuration: Configuration, version: Version): Promise<number | "lost"> {
    const { maps, peers, replica, contents } = this.#parts;
    const { random } = version.operation;
    // Asked as others ask it: behind whatever of the file is on its way to the disk.
    const { fetched } = await peers.call(maps.self, configuration.number, { fetch: { path, random } }, QUORUM_PATIENCE_MS);
    if (fetched?.held && checksumOf(fetched.content) === version.checksum) return 0;
    const { bytes, lost, error } = await contents.fromOthers(path, configuration, version);
    if (bytes !== undefined) {
      await replica.fill({
        path,
        random,
        head: headCodec.encode(headAlone(version)),
        content: bytes,
        configuration: configuration.number,
      });
      return bytes.length;
    }
    if (lost) return "lost";
    throw error;
  }

  /** A version that a newer head has dropped meanwhile is missed by nobody. */
  #isNamed(path: string, { operation }: Version): boolean {
    const head: Head = decodeHeld(this.#parts.replica.accepted(path).head);
    return [head.current, ...head.history].some((version) => version.operation.random === operation.random);
  }
}
