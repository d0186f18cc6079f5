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
    const { random } = version.operation;
    const own = this.#replica.content(path, random);
    if (own !== undefined && checksumOf(own) === version.checksum) return own;
    const tally = new Tally(configuration, () => 1);
    for (const node of this.#peers.inOrder(replicasOf(configuration))) {
      if (node === this.#peers.self) continue;
      const cause = await this.#fetch(node, path, configuration, version);
      if (typeof cause !== "string") return cause;
      tally.no(node, cause);
    }
    throw tally.unavailable(`the content of version ${version.version} of ${path}`);
  }

  /** The bytes, or why not. */
  async #fetch(node: NodeNumber, path: Path, configuration: Configuration, version: Version): Promise<Uint8Array | string> {
    try {
      const request = { fetch: { path, random: version.operation.random } };
      const { fetched } = await this.#peers.call(node, configuration.number, request, QUORUM_PATIENCE_MS);
      if (!fetched?.held) return "does not hold the bytes";
      return checksumOf(fetched.content) === version.checksum ? fetched.content : "holds damaged bytes";
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      return messageOf(error);
    }
  }
}
