/**
 * This node as a member of its cluster: admission by the SuperNode, heartbeats with load and alarms out, newer maps and the
 * others' loads in. None of it is on the path of a put or get: a member serves while every SuperNode is away.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber } from "../base/ids.ts";
import { HEARTBEAT_MS, RECONNECT_BASE_MS, RECONNECT_MAX_MS } from "../limits.ts";
import type { Cancel, ControlDialer, Runtime, SuperNodeApi } from "../ports.ts";
import type { ClusterMap, HeartbeatRequest, JoinReply, JoinRequest, NodeLoad } from "../wire/messages.ts";
import type { MapKeeper } from "./map-keeper.ts";

type SuperNodeConnection = SuperNodeApi & { close(): void };

/** Calls to whichever SuperNode answers. */
export class SuperNodes {
  readonly #dialer: ControlDialer;
  readonly #addresses: readonly string[];
  #connection: SuperNodeConnection | undefined;
  #next = 0;

  constructor(dialer: ControlDialer, addresses: readonly string[]) {
    this.#dialer = dialer;
    this.#addresses = addresses;
  }

  /** @throws QdfsError CLUSTER_UNREACHABLE (the next call tries the next address), or what the SuperNode answered */
  async call<T>(run: (supernode: SuperNodeApi) => Promise<T>): Promise<T> {
    const address = this.#addresses[this.#next % this.#addresses.length];
    if (address === undefined) throw new QdfsError("CLUSTER_UNREACHABLE", "no SuperNode is known");
    this.#connection ??= this.#dialer.connect(address);
    try {
      return await run(this.#connection);
    } catch (error) {
      if (codeOf(error) === "CLUSTER_UNREACHABLE") {
        this.close();
        this.#next += 1;
      }
      throw error;
    }
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
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
      if (codeOf(error) !== "CLUSTER_UNREACHABLE") throw error;
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
    if (codeOf(error) !== "CLUSTER_UNREACHABLE") throw error;
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
  readonly #report: () => NodeReport;
  #cancel: Cancel | undefined;
  #stopped = false;
  #lost = false;
  /** The other nodes' loads as of the last heartbeat. */
  loads: readonly NodeLoad[] = [];

  constructor(runtime: Runtime, supernodes: SuperNodes, maps: MapKeeper, report: () => NodeReport) {
    this.#runtime = runtime;
    this.#supernodes = supernodes;
    this.#maps = maps;
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
    const { clusterId, version, generation } = this.#maps.map;
    const request = { ...this.#report(), clusterId, mapVersion: version, mapGeneration: generation, leaving };
    try {
      const { map, loads } = await this.#supernodes.call((supernode) => supernode.heartbeat(request));
      this.loads = loads;
      if (map !== null) await this.#maps.adopt(map);
      if (this.#lost) this.#runtime.log.info("the SuperNode is back");
      this.#lost = false;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      if (!this.#lost) this.#runtime.log.warn("no heartbeat to the SuperNode", { why: messageOf(error) });
      this.#lost = true;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.send(true);
    this.#supernodes.close();
  }
}
