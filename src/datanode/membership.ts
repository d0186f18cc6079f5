/**
 * This node as a member of its cluster: admission by the SuperNode, heartbeats with load and alarms out, newer maps and the
 * others' loads in. None of it is on the path of a put or get: a member serves while every SuperNode is away.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { HEARTBEAT_MS, RECONNECT_BASE_MS, RECONNECT_MAX_MS } from "../limits.ts";
import type { Cancel, ControlConnection, ControlDialer, NodeStore, Runtime, SuperNodeApi } from "../ports.ts";
import type { HeartbeatRequest, JoinReply, JoinRequest } from "../wire/membership-messages.ts";
import type { ClusterMap, NodeLoad } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";

/** Calls to whichever SuperNode answers. */
export class SuperNodes {
  readonly #dialer: ControlDialer;
  readonly #given: readonly string[];
  /** Where the newest map, or the SuperNode itself, says that it is. */
  #known: readonly string[];
  #connection: ControlConnection | undefined;
  #next: number;

  /**
   * The first call goes where the operator says: a disk that belongs elsewhere is refused there (WRONG_CLUSTER), and does not
   * go home unasked. Where nobody answers, and after news (`know`), what is known comes first.
   */
  constructor(dialer: ControlDialer, given: readonly string[], known: readonly string[]) {
    this.#dialer = dialer;
    this.#given = given;
    this.#known = known;
    this.#next = Math.max(0, this.#addresses().indexOf(given[0] ?? ""));
  }

  /** A SuperNode that was rebuilt may be elsewhere than the operator once said. */
  know(addresses: readonly string[]): void {
    if (addresses.join() === this.#known.join()) return;
    this.#known = addresses;
    this.close();
    this.#next = 0;
  }

  /**
   * @throws QdfsError CLUSTER_UNREACHABLE, SUPERSEDED (another took its place): the next call tries the next address; CLUSTER_WAITING (it
   * is being rebuilt, and will soon answer there); or what the SuperNode answered
   */
  async call<T>(run: (supernode: SuperNodeApi) => Promise<T>): Promise<T> {
    const addresses = this.#addresses();
    const address = addresses[this.#next % addresses.length];
    if (address === undefined) throw new QdfsError("CLUSTER_UNREACHABLE", "no SuperNode is known");
    const connection = this.#connection ?? this.#dialer.connect(address);
    this.#connection = connection;
    try {
      return await run(connection);
    } catch (error) {
      // Somebody else has come to live where ours was. Where the operator sent us that is an error.
      const moved = isStranger(error) && !this.#given.includes(address);
      const gone = moved || (isAway(error) && codeOf(error) !== "CLUSTER_WAITING");
      if (gone && this.#connection === connection) {
        this.close();
        this.#next += 1;
      }
      throw moved ? new QdfsError("CLUSTER_UNREACHABLE", `the SuperNode is not at ${address} any more`) : error;
    }
  }

  #addresses(): readonly string[] {
    return [...new Set([...this.#known, ...this.#given])];
  }

  /** The map of any server. @throws QdfsError */
  async mapFrom(address: string): Promise<ClusterMap> {
    const connection = this.#dialer.connect(address);
    try {
      return (await connection.getMap()).map;
    } finally {
      connection.close();
    }
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
}

/** Where the SuperNode is, as far as this disk knows; empty: it knows of none. */
export function knownSuperNodes(store: NodeStore): readonly string[] {
  const [map, followed] = [store.map(), store.followed()];
  if (followed !== undefined && followed.generation > (map?.generation ?? 0)) return [followed.supernode];
  return map?.supernodes ?? [];
}

/** It is of another cluster, or no SuperNode; one of ours that refuses this node names no address. */
function isStranger(error: unknown): boolean {
  if (!(error instanceof QdfsError)) return false;
  return error.code === "WRONG_CLUSTER" || (error.code === "NOT_ALLOWED" && error.details.address !== undefined);
}

/** Says that this SuperNode decides nothing now: another may, or this one later. */
function isAway(error: unknown): boolean {
  const code = codeOf(error);
  return code === "CLUSTER_UNREACHABLE" || code === "SUPERSEDED" || code === "CLUSTER_WAITING";
}

/**
 * Asks for admission until a SuperNode decides.
 * @throws QdfsError WRONG_CLUSTER, NOT_ALLOWED, … when it refuses
 */
export async function join(runtime: Runtime, supernodes: SuperNodes, request: JoinRequest): Promise<JoinReply> {
  let warned = false;
  for (let delayMs = RECONNECT_BASE_MS; ; delayMs = Math.min(RECONNECT_MAX_MS, delayMs * 2)) {
    try {
      return await supernodes.call((supernode) => supernode.join(request));
    } catch (error) {
      if (!isAway(error)) throw error;
      if (!warned) runtime.log.info("waiting for the SuperNode", { why: messageOf(error) });
      warned = true;
    }
    await new Promise<void>((resolve) => runtime.timers.after(delayMs, resolve));
  }
}

export interface Admission {
  readonly request: JoinRequest;
  /** The map on this node's disk; undefined: it was never admitted. */
  readonly known: ClusterMap | undefined;
  /** A newcomer was admitted: it writes down who it is before it goes on. */
  readonly admitted: (reply: JoinReply) => void;
  /** A member that serves already is refused after all. */
  readonly onFatal: (error: unknown) => void;
}

/**
 * The map to begin with. A newcomer waits to be admitted and then writes down who it is; a member tells its present addresses
 * and goes on with the map it has when no SuperNode answers.
 * @throws QdfsError WRONG_CLUSTER, NOT_ALLOWED, … when it is refused
 */
export async function admit(runtime: Runtime, supernodes: SuperNodes, admission: Admission): Promise<ClusterMap> {
  const { request, known } = admission;
  if (known === undefined) {
    const reply = await join(runtime, supernodes, request);
    admission.admitted(reply);
    return reply.map;
  }
  try {
    const reply = await supernodes.call((supernode) => supernode.join(request));
    return reply.map;
  } catch (error) {
    if (!isAway(error)) throw error;
    runtime.log.warn("no SuperNode answers: serving with the map this node has");
    void join(runtime, supernodes, request).catch(admission.onFatal);
    return known;
  }
}

/** What a node says of itself in every heartbeat. */
export type NodeReport = Omit<HeartbeatRequest, "clusterId" | "mapVersion" | "mapGeneration" | "leaving">;

export class Heartbeats {
  readonly #runtime: Runtime;
  readonly #supernodes: SuperNodes;
  readonly #maps: MapKeeper;
  readonly #joined: JoinRequest;
  readonly #report: () => NodeReport;
  #cancel: Cancel | undefined;
  #stopped = false;
  #lost = false;
  #peersAsked = 0;
  #askingPeer = false;
  /** The other nodes' loads as of the last heartbeat. */
  loads: readonly NodeLoad[] = [];

  /** `joined`: what this node said of itself when it joined. */
  constructor(runtime: Runtime, supernodes: SuperNodes, maps: MapKeeper, joined: JoinRequest, report: () => NodeReport) {
    this.#runtime = runtime;
    this.#supernodes = supernodes;
    this.#maps = maps;
    this.#joined = joined;
    this.#report = report;
  }

  start(): void {
    void this.#beat();
  }

  /** Operations that another node has in hand, as of the last heartbeat; 0 when it said nothing. */
  waitingAt(number: NodeNumber): number {
    return this.loads.find((load) => load.number === number)?.inFlight ?? 0;
  }

  async #beat(): Promise<void> {
    if (this.#stopped) return;
    await this.send(false);
    if (!this.#stopped) this.#cancel = this.#runtime.timers.after(HEARTBEAT_MS, () => void this.#beat());
  }

  /** One heartbeat now; takes over the map that comes back. Never rejects. */
  async send(leaving: boolean): Promise<void> {
    const { map: held, generation } = this.#maps;
    // Who follows a generation and has no map of it yet wants any.
    const mapVersion = generation > held.generation ? 0 : held.version;
    const request = { ...this.#report(), clusterId: held.clusterId, mapVersion, mapGeneration: generation, leaving };
    try {
      const { map, loads } = await this.#supernodes.call((supernode) => supernode.heartbeat(request));
      this.loads = loads;
      if (map !== null) await this.#maps.adopt(map);
      if (!leaving && this.#isTakenForMoved()) await this.#joinAgain();
      if (this.#lost) this.#runtime.log.info("the SuperNode is back");
      this.#lost = false;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      if (this.#lost && !leaving) void this.#askPeer();
      if (!this.#lost) this.#runtime.log.warn("no heartbeat to the SuperNode", { why: messageOf(error) });
      this.#lost = true;
    }
  }

  /**
   * The map has this node elsewhere: a Join of an earlier life at its address came late, and this one was not found there in the moment it was looked for.
   * Nobody would reach it again.
   */
  #isTakenForMoved(): boolean {
    const own = this.#maps.map.nodes.find(({ number }) => number === this.#maps.self);
    return own !== undefined && (own.grpc !== this.#joined.grpc || own.http !== this.#joined.http);
  }

  async #joinAgain(): Promise<void> {
    const { generation: mapGeneration, self: number, map } = this.#maps;
    const request = { ...this.#joined, clusterId: map.clusterId, number, mapGeneration };
    const reply = await this.#supernodes.call((supernode) => supernode.join(request));
    await this.#maps.adopt(reply.map);
  }

  /** One of the members, another each time: it may know of a SuperNode that was rebuilt elsewhere while this node was away. */
  async #askPeer(): Promise<void> {
    const peers = this.#maps.map.nodes.filter(({ number }) => number !== this.#maps.self);
    const peer = peers[this.#peersAsked % peers.length];
    this.#peersAsked += 1;
    if (peer === undefined || this.#askingPeer) return;
    this.#askingPeer = true;
    try {
      await this.#maps.adopt(await this.#supernodes.mapFrom(peer.grpc));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.debug(`${nodeName(peer.number)} knows of no other SuperNode`, { why: messageOf(error) });
    } finally {
      this.#askingPeer = false;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.send(true);
    this.#supernodes.close();
  }
}
