/**
 * A SuperNode without memory, or with the memory of a backup, takes its place from the DataNodes (P17; the argument is at the top of
 * cluster/generation.ts). It asks every DataNode that it can hear of for its newest map and to follow a new generation, until enough
 * replicas of every replica set in the newest map do; then it begins with that map. The catalogue is not recovered here: it is
 * derived data, and the change logs bring it as they do after any start (I11).
 *
 * A backup is one more map that was issued once, nothing else: it names DataNodes to ask, and what it knows counts if nobody has a
 * newer map. → a restored SuperNode goes on from version 7, which the backup holds: it issues another version 8 than the one that the
 * DataNodes have, and hands the number of the DataNode that joined since to the next one.
 *
 * Nothing is stored before enough follow: a recovery that is broken off is begun again, by this life or another one. When two run at
 * once, each replica follows one of them in a generation, and whoever is refused goes on with a higher one.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { followNeed, GENERATION_MAX, openGeneration } from "../cluster/generation.ts";
import { isNewerMap } from "../cluster/map.ts";
import { distinctSets } from "../cluster/replica-sets.ts";
import { RECOVERY_ANSWER_MS, RECOVERY_RETRY_MS } from "../limits.ts";
import type { Cancel, ControlConnection, ControlDialer, Runtime } from "../ports.ts";
import type { SuperNodeState } from "../supernode-ports.ts";
import type { FollowReply } from "../wire/membership-messages.ts";
import type { ClusterMap, ReplicaSet } from "../wire/messages.ts";
import { andList } from "./words.ts";

export interface RecoveryParts {
  readonly runtime: Runtime;
  readonly control: ControlDialer;
  /** HOST:PORT of DataNodes, as the operator gave them. */
  readonly addresses: readonly string[];
  /** The state that a backup holds. */
  readonly backup: SuperNodeState | undefined;
  /** Who asks: the disk of this SuperNode. */
  readonly life: string;
  /** HOST:PORT where this SuperNode is reached. */
  readonly address: string;
  /** How long to wait for enough DataNodes. */
  readonly patienceMs: number;
}

/** Sets that an error spells out. */
const SETS_SHOWN = 3;

/**
 * The state to begin with, not stored yet.
 * @throws QdfsError CLUSTER_UNREACHABLE (nobody answers), QUORUM_UNAVAILABLE (too few, with the arithmetic), WRONG_CLUSTER,
 * CLUSTER_WAITING (no partitions were assigned, as far as is known)
 */
export async function recoverState(parts: RecoveryParts): Promise<SuperNodeState> {
  const recovery = new Recovery(parts);
  try {
    return await recovery.run();
  } finally {
    recovery.close();
  }
}

class Recovery {
  readonly #parts: RecoveryParts;
  readonly #connections = new Map<string, ControlConnection>();
  readonly #clusterId: string | undefined;
  #newest: ClusterMap | undefined;
  #nextNode: NodeNumber;
  /** The generation that is asked for now, and the disks that follow it. */
  #generation = 0;
  readonly #followers = new Set<string>();
  /** By address, the disk that answered there. */
  readonly #disks = new Map<string, string>();
  /** The highest generation that a DataNode refused ours for. */
  #taken = 0;
  /** Addresses that owe an answer. */
  readonly #asking = new Set<string>();
  /** By address, why it is of no help. */
  readonly #causes = new Map<string, string>();
  /** The operator gave an address of another cluster. */
  #foreign: QdfsError | undefined;
  #said = "";

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
    this.#newest = parts.backup?.map;
    this.#clusterId = parts.backup?.map.clusterId;
    this.#nextNode = parts.backup?.nextNodeNumber ?? 1;
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
  }

  async run(): Promise<SuperNodeState> {
    const { runtime, patienceMs, address } = this.#parts;
    const endMs = runtime.clock.monotonicMs() + patienceMs;
    for (;;) {
      await this.#findMaps();
      const newest = this.#newest;
      // Who follows takes no maps of the SuperNode before any more: nobody is asked while it cannot lead to a map.
      if (newest !== undefined && newest.partitions.length > 0) await this.#gather(newest);
      if (this.#newest !== undefined && this.#isFollowed(this.#newest)) {
        const map = openGeneration(this.#newest, this.#generation, address, this.#nextNode);
        runtime.log.info("the cluster map is recovered", { generation: map.generation, mapVersion: map.version });
        return { map, nextNodeNumber: map.nextNode };
      }
      if (runtime.clock.monotonicMs() + RECOVERY_RETRY_MS > endMs) throw this.#failure();
      this.#say(this.#failure().message);
      const pauseMs = RECOVERY_RETRY_MS * (0.5 + runtime.random.unit() / 2); // two recoveries do not keep in step
      await new Promise<void>((resolve) => runtime.timers.after(pauseMs, resolve));
    }
  }

  /** Asks all that are known for their maps, and those that these maps name, until no new ones are named. */
  async #findMaps(): Promise<void> {
    const asked = new Set<string>();
    for (;;) {
      const open = this.#addresses().filter((address) => !asked.has(address));
      if (open.length === 0) return;
      for (const address of open) asked.add(address);
      await this.#askAll(open, async (server, address) => {
        const { map } = await server.getMap();
        this.#take(address, map);
      });
      if (this.#foreign !== undefined) throw this.#foreign;
    }
  }

  /** Asks those that do not follow yet. A refusal says which generation is taken: then all are asked anew, for the next one. */
  async #gather(newest: ClusterMap): Promise<void> {
    if (newest.generation >= this.#generation) this.#openNext(newest.generation);
    const { life, address: supernode } = this.#parts;
    const request = { clusterId: newest.clusterId, generation: this.#generation, life, supernode };
    await this.#askAll(this.#addresses(), async (server, address) => {
      try {
        const reply = await server.follow(request);
        this.#take(address, reply.map);
        if (request.generation === this.#generation) this.#followed(address, reply);
      } catch (error) {
        if (error instanceof QdfsError && error.code === "SUPERSEDED") this.#taken = Math.max(this.#taken, generationIn(error));
        throw error;
      }
    });
    if (this.#taken >= this.#generation) this.#openNext(this.#taken);
  }

  #openNext(above: number): void {
    if (above >= GENERATION_MAX) throw new QdfsError("BAD_REQUEST", `no generation is left after ${above}`);
    this.#generation = above + 1;
    this.#followers.clear();
    this.#disks.clear();
  }

  #followed(address: string, { diskId, number }: FollowReply): void {
    this.#followers.add(diskId);
    this.#disks.set(address, diskId);
    this.#nextNode = Math.max(this.#nextNode, number + 1);
  }

  /** Waits for RECOVERY_ANSWER_MS at most; who has not answered a question yet is asked no other. */
  async #askAll(addresses: readonly string[], run: (server: ControlConnection, address: string) => Promise<void>): Promise<void> {
    let cancel: Cancel = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#parts.runtime.timers.after(RECOVERY_ANSWER_MS, resolve);
    });
    const free = addresses.filter((address) => !this.#asking.has(address));
    await Promise.race([late, Promise.all(free.map((address) => this.#ask(address, run)))]);
    cancel();
  }

  async #ask(address: string, run: (server: ControlConnection, address: string) => Promise<void>): Promise<void> {
    this.#asking.add(address);
    const connection = this.#connections.get(address) ?? this.#parts.control.connect(address);
    this.#connections.set(address, connection);
    try {
      await run(connection, address);
      this.#causes.delete(address);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#causes.set(address, messageOf(error));
    } finally {
      this.#asking.delete(address);
    }
  }

  /** @throws QdfsError WRONG_CLUSTER; at an address that the operator gave, that is the end of the recovery */
  #take(address: string, map: ClusterMap): void {
    const clusterId = this.#clusterId ?? this.#newest?.clusterId;
    if (clusterId !== undefined && map.clusterId !== clusterId) {
      const words = `at ${address} is a server of cluster ${map.clusterId}, and this recovery is of cluster ${clusterId}`;
      if (this.#parts.addresses.includes(address)) this.#foreign ??= new QdfsError("WRONG_CLUSTER", words, { address });
      throw new QdfsError("WRONG_CLUSTER", words);
    }
    if (isNewerMap(map, this.#newest)) this.#newest = map;
    const named = [...map.nodes, ...(map.gone ?? [])]; // who was removed keeps its number, too
    this.#nextNode = Math.max(this.#nextNode, map.nextNode, ...named.map(({ number }) => number + 1));
  }

  #addresses(): readonly string[] {
    return [...new Set([...this.#parts.addresses, ...(this.#newest?.nodes ?? []).map(({ grpc }) => grpc)])];
  }

  #isFollowed(newest: ClusterMap): boolean {
    return newest.generation < this.#generation && newest.partitions.length > 0 && this.#short(newest).length === 0;
  }

  #follows(newest: ClusterMap, number: NodeNumber): boolean {
    const diskId = newest.nodes.find((node) => node.number === number)?.diskId;
    return diskId !== undefined && this.#followers.has(diskId);
  }

  /** The replica sets of which too few follow. */
  #short(newest: ClusterMap): readonly ReplicaSet[] {
    return distinctSets(newest).filter(
      (set) => set.nodes.filter((number) => this.#follows(newest, number)).length < followNeed(set),
    );
  }

  #say(words: string): void {
    if (words === this.#said) return;
    this.#said = words;
    this.#parts.runtime.log.warn(`recovering the cluster map: ${words}`);
  }

  #failure(): QdfsError {
    const newest = this.#newest;
    const causes = Object.fromEntries(this.#causes);
    if (newest === undefined) {
      const shown = this.#addresses().map((address) => this.#causes.get(address) ?? `no answer from ${address}`);
      return new QdfsError("CLUSTER_UNREACHABLE", `no DataNode answers (${shown.join("; ")})`, { causes });
    }
    if (newest.partitions.length === 0) {
      return new QdfsError(
        "CLUSTER_WAITING",
        `the newest map found, ${newest.generation}.${newest.version} of cluster ${newest.clusterId}, assigns no partitions: nothing is stored under it, and nobody here knows of a later one. Name more DataNodes, or begin a new cluster`,
        { causes },
      );
    }
    const short = this.#short(newest);
    const shown = short.slice(0, SETS_SHOWN).map((set) => this.#shortWords(newest, set));
    const more = short.length > SETS_SHOWN ? `; and ${short.length - SETS_SHOWN} more sets like these` : "";
    return new QdfsError(
      "QUORUM_UNAVAILABLE",
      `too few DataNodes follow generation ${this.#generation} for a map of it to be issued: ${shown.join("; ")}${more}`,
      { generation: this.#generation, clusterId: newest.clusterId, sets: short.map(({ nodes }) => nodes), causes },
    );
  }

  /** `of dn-1, dn-2 and dn-3 (512 partitions, w=2, r=2) 2 are needed, and 1 follows (dn-2: …; dn-3: …)`. */
  #shortWords(newest: ClusterMap, set: ReplicaSet): string {
    const missing = set.nodes.filter((number) => !this.#follows(newest, number));
    const got = set.nodes.length - missing.length;
    const why = missing.map((number) => `${nodeName(number)}: ${this.#whyNot(newest, number)}`).join("; ");
    const names = [...set.nodes].sort((a, b) => a - b).map(nodeName);
    const count = newest.partitions.filter(({ sets }) => sets.some((other) => sameNodes(other, set))).length;
    const follow = got === 1 ? "1 follows" : `${got} follow`;
    return `of ${andList(names)} (${count} partitions, w=${set.w}, r=${set.r}) ${followNeed(set)} are needed, and ${follow} (${why})`;
  }

  #whyNot(newest: ClusterMap, number: NodeNumber): string {
    const address = newest.nodes.find((node) => node.number === number)?.grpc;
    if (address === undefined) return "its address is not known";
    const told = this.#causes.get(address);
    if (told !== undefined) return told;
    if (this.#asking.has(address) || !this.#disks.has(address)) return `no answer from ${address} yet`;
    return `at ${address} is a DataNode with another disk`;
  }
}

function sameNodes(a: ReplicaSet, b: ReplicaSet): boolean {
  return a.nodes.length === b.nodes.length && a.nodes.every((node) => b.nodes.includes(node));
}

/** The generation that the DataNode says it follows. */
function generationIn({ details }: QdfsError): number {
  return typeof details.generation === "number" ? details.generation : 0;
}
