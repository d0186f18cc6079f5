/**
 * Who may join (Join). A number goes with a disk for ever: a wiped disk is a new node, and what comes with a number and another
 * disk, or from another cluster, is refused (I2).
 *
 * Two processes can claim one identity (a copied data directory), and two can claim one address (a wrong --host). The SuperNode
 * then asks at the address in question who is there: whoever answers keeps its place. One join at a time.
 */
import { codeOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { isZone } from "../base/units.ts";
import { NO_ADDRESS } from "../cluster/map.ts";
import { standingOf } from "../cluster/standing.ts";
import { NODE_NUMBERS_LOST_MAX, NODE_WEIGHT_MAX, PROBE_MS, ZONE_CHARS_MAX } from "../limits.ts";
import type { SessionDialer } from "../ports.ts";
import type { JoinReply, JoinRequest } from "../wire/membership-messages.ts";
import { type Node, Standing } from "../wire/messages.ts";
import { declaredDead, type Membership, requireCluster } from "./membership.ts";

/** One word of a sensible length: what stands in the map is shown on terminals by everyone. */
const WORD = /^[^\p{Cc}\s]{1,300}$/u;

/** @throws QdfsError BAD_REQUEST */
function checkJoin({ diskId, grpc, http, zone }: JoinRequest): void {
  if (![diskId, grpc, http].every((word) => WORD.test(word))) {
    throw new QdfsError("BAD_REQUEST", "a Join names the disk and the gRPC and HTTP addresses of its DataNode");
  }
  if (!isZone(zone))
    throw new QdfsError("BAD_REQUEST", `a zone has at most ${ZONE_CHARS_MAX} characters, and no control characters`);
}

export class Admission {
  readonly #membership: Membership;
  readonly #dialer: SessionDialer;
  #last: Promise<unknown> = Promise.resolve();

  constructor(membership: Membership, dialer: SessionDialer) {
    this.#membership = membership;
    this.#dialer = dialer;
  }

  /**
   * Admits or readmits; durable before it resolves. Joining again with what was sent before gives the same number.
   * @throws QdfsError WRONG_CLUSTER, NOT_ALLOWED, BAD_REQUEST, STORAGE_FULL
   */
  join(request: JoinRequest): Promise<JoinReply> {
    const joined = this.#last.then(() => this.#join(request));
    this.#last = joined.catch(() => undefined);
    return joined;
  }

  async #join(request: JoinRequest): Promise<JoinReply> {
    checkJoin(request);
    requireCluster(this.#membership.map, request.clusterId);
    this.#refuseGone(request);
    const member = this.#member(request);
    if (member !== undefined && standingOf(member) === Standing.DEAD) throw declaredDead(member.number);
    const number = member?.number ?? this.#numberOfLostLife(request);
    if (member !== undefined && member.grpc !== request.grpc) await this.#refuseTwin(member, request);
    const place = this.#membership.map.nodes.find((node) => node.grpc === request.grpc && node.number !== number);
    if (place !== undefined) await this.#refuseNeighbour(place);
    return this.#admit(request, number, place?.number);
  }

  /**
   * Who was removed never comes back under its number or with its disk, which may hold what was deleted since. Its address is another matter: a
   * new disk may serve there, and is a new node; who still looks for the old one there is told so by the number (I2).
   */
  #refuseGone({ number, diskId }: JoinRequest): void {
    const gone = this.#membership.map.gone?.find((one) => one.number === number || one.diskId === diskId);
    if (gone === undefined) return;
    throw new QdfsError(
      "NOT_ALLOWED",
      `${nodeName(gone.number)} was removed from the cluster for good; start it with an empty data directory, as a new DataNode`,
    );
  }

  /** The member that the request claims to be; undefined: there is none. */
  #member({ number, diskId }: JoinRequest): Node | undefined {
    const { nodes } = this.#membership.map;
    // Without a number: perhaps the answer to its first Join was lost.
    if (number === 0) return nodes.find((node) => node.diskId === diskId);
    const member = nodes.find((node) => node.number === number);
    if (member === undefined || member.diskId === diskId) return member;
    throw new QdfsError(
      "NOT_ALLOWED",
      `${nodeName(number)} is a DataNode with another disk (${member.diskId}, not ${diskId}): what a disk lost it may not vote on; start it with an empty data directory, as a new DataNode`,
    );
  }

  /**
   * The number with which a node comes that is no member. Never handed out, as far as is known here, it may be one that a SuperNode
   * gave it whose disk was lost before anyone else heard of it (P17): then the node keeps it. Undefined: it comes without one.
   */
  #numberOfLostLife({ number }: JoinRequest): NodeNumber | undefined {
    if (number === 0) return undefined;
    const { map, nextNodeNumber: next } = this.#membership;
    if (map.generation > 1 && number >= next && number < next + NODE_NUMBERS_LOST_MAX) return number;
    throw new QdfsError("NOT_ALLOWED", `${nodeName(number)} is not a member of cluster ${map.clusterId}`);
  }

  async #refuseTwin(member: Node, request: JoinRequest): Promise<void> {
    if ((await this.#diskAt(member.grpc)) !== member.diskId) return;
    throw new QdfsError(
      "NOT_ALLOWED",
      `${nodeName(member.number)} runs already, at ${member.grpc}: the one at ${request.grpc} has the same identity; was its data directory copied?`,
    );
  }

  async #refuseNeighbour(place: Node): Promise<void> {
    if ((await this.#diskAt(place.grpc)) !== place.diskId) return;
    throw new QdfsError(
      "NOT_ALLOWED",
      `at ${place.grpc} this SuperNode reaches ${nodeName(place.number)}: the new DataNode needs an address of its own (--host, --port)`,
    );
  }

  /** The disk that answers at an address; undefined: nobody does. */
  async #diskAt(address: string): Promise<string | undefined> {
    try {
      const { sequence } = await this.#dialer.session(address).call(0, { sequence: {} }, PROBE_MS);
      return sequence?.diskId;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return undefined;
    }
  }

  #admit(request: JoinRequest, number: NodeNumber | undefined, displaced: NodeNumber | undefined): JoinReply {
    const { grpc, http, zone, diskId, weight } = request;
    const described = { grpc, http, zone, diskId, weight: Math.min(Math.max(1, weight), NODE_WEIGHT_MAX) };
    const nodes = this.#membership.map.nodes.map((node) =>
      // Somebody else listens where it was: nobody may take that one for it.
      node.number === displaced ? { ...node, grpc: NO_ADDRESS, http: NO_ADDRESS } : node,
    );
    const node = this.#membership.admit(described, nodes, number);
    return { number: node.number, map: this.#membership.map };
  }
}
