/** Finds the inline bytes that a proposal must carry: this replica's own, or those of the next replica that holds them. */
import { checksumOf } from "../base/checksum.ts";
import { messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { replicasOf } from "../cluster/map.ts";
import { QUORUM_PATIENCE_MS } from "../limits.ts";
import { Tally } from "../register/quorum.ts";
import type { Configuration, Version } from "../wire/messages.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

const NO_BYTES = new Uint8Array(0);

export class ContentSource {
  readonly #replica: Replica;
  readonly #peers: Peers;

  constructor(replica: Replica, peers: Peers) {
    this.#replica = replica;
    this.#peers = peers;
  }

  /**
   * The verified inline bytes of a version.
   * @throws QdfsError QUORUM_UNAVAILABLE when no replica that answers holds an intact copy
   */
  async inlineBytes(path: Path, configuration: Configuration, version: Version): Promise<Uint8Array> {
    if (version.sizeBytes === 0) return NO_BYTES;
    const own = this.#replica.content(path, version.operation.random);
    if (own !== undefined && checksumOf(own) === version.checksum) return own;
    const { bytes, error } = await this.fromOthers(path, configuration, version);
    if (bytes === undefined) throw error;
    return bytes;
  }

  /** The verified bytes from a replica other than this one. `lost`: all of them answered, and none has an intact copy. */
  async fromOthers(
    path: Path,
    configuration: Configuration,
    version: Version,
  ): Promise<{ readonly bytes?: Uint8Array; readonly lost: boolean; readonly error: QdfsError }> {
    const tally = new Tally(configuration, () => 1);
    const what = `the content of version ${version.version} of ${path}`;
    let lost = true;
    for (const node of this.#peers.inOrder(replicasOf(configuration))) {
      if (node === this.#peers.self) continue;
      const found = await this.#fetch(node, path, configuration, version);
      if ("bytes" in found) return { bytes: found.bytes, lost: false, error: tally.unavailable(what) };
      tally.no(node, found.cause);
      lost &&= found.answered;
    }
    return { lost, error: tally.unavailable(what) };
  }

  async #fetch(
    node: NodeNumber,
    path: Path,
    configuration: Configuration,
    version: Version,
  ): Promise<{ readonly bytes: Uint8Array } | { readonly cause: string; readonly answered: boolean }> {
    try {
      const request = { fetch: { path, random: version.operation.random } };
      const { fetched } = await this.#peers.call(node, configuration.number, request, QUORUM_PATIENCE_MS);
      if (!fetched?.held) return { cause: "does not hold the bytes", answered: true };
      if (checksumOf(fetched.content) === version.checksum) return { bytes: fetched.content };
      return { cause: "holds damaged bytes", answered: true };
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      return { cause: messageOf(error), answered: false };
    }
  }
}
