/**
 * Mends what this node holds of single files: compares what a file's head names with what lies on the disk, and brings what is
 * missing, bad or older from the replicas that have it (read repair; what the scrub and `qdfs repair` find).
 *
 * How each part can be told bad: inline bytes and chunks by the checksum that the head names for them. An older value by the
 * others' ballots. A head that does not decode, or that is not the head of the version its row is filed under, is damaged by
 * itself; one that decodes into something else only when other replicas that hold the very same ballot agree on other bytes
 * (one ballot, one value: I3). Nothing is ever taken from here to mend others without a look at its checksum.
 *
 * Partitions that change hands. Everything asked and everything written is bound to the configuration that was in force when the look began:
 * peers that have adopted another one refuse to answer, the replica refuses to write (P5, P15), and the file is looked at again. What is
 * written is a value known chosen, which is no vote (Acceptor.learns), or bytes that a checksum vouches for; so no count of a joint
 * configuration (P10) comes to rest on anything but an accept or a verified copy. A replica that *joins* lacks what has not been carried over
 * yet: that is no damage, and brought by those who carry it (P16: every joining replica has everything, verified, before it counts alone), so
 * only what it does hold and is bad is mended. One that has *left* holds leftovers, which go: nothing of them is looked at, and what was
 * found of them is forgotten.
 */
import { checksumOf } from "../base/checksum.ts";
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import type { NodeNumber, Path } from "../base/ids.ts";
import { chunkPartitionOf, isReplica, partitionOf, replicasOf } from "../cluster/map.ts";
import { isJoining } from "../cluster/moves.ts";
import {
  CATCH_UP_GRACE_MS,
  CHUNK_LOOKUPS,
  CONTROL_CALL_MS,
  FILE_MENDS_IN_FLIGHT,
  OPERATION_BUDGET_MS,
  QUORUM_PATIENCE_MS,
  SUSPECTED_FILES_MAX,
} from "../limits.ts";
import type { ChunkId, NodeStore, Runtime, StoredRow } from "../ports.ts";
import { compareBallots, sameBallot } from "../register/ballot.ts";
import { headAlone, isInline } from "../register/head.ts";
import { chunksNamed } from "../wire/chunk-list.ts";
import { headCodec } from "../wire/codec.ts";
import { type Ballot, type Configuration, type Head, type Held, type Version, Want } from "../wire/messages.ts";
import type { CatchUp } from "./catch-up.ts";
import type { ChunkStore } from "./chunk-store.ts";
import type { Coordinator } from "./coordinator.ts";
import type { Damage, Damages } from "./damages.ts";
import { absenceHere } from "./erased-here.ts";
import type { MapKeeper } from "./map-keeper.ts";
import { MendQueue } from "./mend-queue.ts";
import type { Peers } from "./peers.ts";
import type { Replica } from "./replica.ts";

export interface MenderParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly maps: MapKeeper;
  readonly peers: Peers;
  readonly replica: Replica;
  readonly coordinator: Coordinator;
  readonly catchUp: CatchUp;
  readonly chunks: ChunkStore;
  readonly damages: Damages;
  readonly onFatal: (error: unknown) => void;
}

type Found = Omit<Damage, "path">;

/** How often a file that is being written is waited for before it is looked at. */
const WRITING_LOOKS = 20;
const WRITING_LOOK_MS = 25;

export class Mender {
  readonly #parts: MenderParts;
  readonly #queue: MendQueue<Path>;
  /** What was found of a file and is not mended. */
  readonly #open = new Map<Path, readonly Found[]>();
  /** Files whose bytes in chunks are to be read as well, and whose heads compared. */
  readonly #deep = new Set<Path>();
  /** Files that were just taken over: what is missing of them is no news, unless it cannot be had. */
  readonly #expected = new Set<Path>();

  constructor(parts: MenderParts) {
    this.#parts = parts;
    this.#queue = new MendQueue({
      runtime: parts.runtime,
      run: (path) => this.#run(path),
      inFlight: FILE_MENDS_IN_FLIGHT,
      onFatal: parts.onFatal,
    });
  }

  /** Somebody met the file missing, older or damaged here: it is looked at soon, when what is just being written has arrived. */
  suspect(path: Path): void {
    if (this.#queue.size < SUSPECTED_FILES_MAX || this.#queue.has(path)) this.#queue.add(path, CATCH_UP_GRACE_MS);
  }

  /** The file was taken over as it is now: its earlier versions may be missing. */
  async tookOver(path: Path): Promise<void> {
    const { replica, store } = this.#parts;
    const newest = replica.isWriting(path) ? undefined : store.rowsOf(path).find(({ held }) => held !== undefined);
    const head = newest && decoded(newest.head);
    if (head === undefined || !(await this.holdsAll(head, path, newest?.held ?? []))) {
      this.suspect(path);
      if (this.#queue.has(path)) this.#expected.add(path);
    }
  }

  /** Everything is here that the head names and is to be here, as far as the indexes tell. `held`: the operations of the file's rows. */
  async holdsAll(head: Head, path: Path, held: readonly string[]): Promise<boolean> {
    const { chunks, runtime } = this.#parts;
    const stands = this.#role(this.#configurationOf(path)) === "stands";
    for (const version of versionsOf(head)) {
      if (stands && isInline(version) && version.sizeBytes > 0 && !held.includes(version.operation.random)) return false;
      for (const [index, named] of chunksNamed(version).entries()) {
        if (index % CHUNK_LOOKUPS === CHUNK_LOOKUPS - 1) await sleep(runtime, 1);
        if (this.#roleOf(named.chunk) === "stands" && !chunks.holds({ ...named, owner: path })) return false;
      }
    }
    return true;
  }

  /** Room for more suspicions. */
  get hasRoom(): boolean {
    return this.#queue.size < SUSPECTED_FILES_MAX;
  }

  /**
   * Compares all that this node holds of the file, bytes in chunks included, with what its head names and the others hold, and
   * mends it. True: nothing is wrong any more. False: it goes on being tried.
   */
  async repair(path: Path): Promise<boolean> {
    this.#deep.add(path);
    const mended = await this.#queue.now(path);
    const chunks = await this.#chunksOf(path);
    const all = await Promise.all((chunks ?? []).map((chunk) => this.#parts.chunks.mendNow(chunk)));
    return mended && chunks !== undefined && all.every(Boolean);
  }

  /** Every chunk that a kept version names; undefined: nobody says. */
  async #chunksOf(path: Path): Promise<readonly ChunkId[] | undefined> {
    try {
      const head = await this.#headOf(path);
      if (head === undefined) return [];
      return versionsOf(head).flatMap((version) => chunksNamed(version).map(({ chunk }) => chunk));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return undefined;
    }
  }

  /** Files whose first try has not ended. */
  get untried(): number {
    return this.#queue.untried;
  }

  /** What could not be mended is tried again at once: a peer is back. */
  hurry(): void {
    this.#queue.hurry();
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }

  /** Whether a kept version of the file names the chunk; true when that cannot be said. */
  async names(path: Path, chunk: ChunkId): Promise<boolean> {
    return (await this.#chunksOf(path))?.includes(chunk) ?? true;
  }

  async #run(path: Path): Promise<boolean> {
    const [deep, expected] = [this.#deep.delete(path), this.#expected.delete(path)];
    let found: Found[];
    try {
      found = await this.#look(path, deep, expected);
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#parts.runtime.log.debug("a file could not be looked after yet", { path, why: messageOf(error) });
      return false;
    }
    const still = new Set(found.map(({ what, name }) => `${what} ${name}`));
    for (const { what, name } of this.#open.get(path) ?? []) {
      if (!still.has(`${what} ${name}`)) this.#parts.damages.mended({ what, path, name });
    }
    if (found.length === 0) this.#open.delete(path);
    else this.#open.set(path, found);
    return found.length === 0;
  }

  /** Looks, and mends what it can; what is left. */
  async #look(path: Path, deep: boolean, expected: boolean): Promise<Found[]> {
    const { chunks } = this.#parts;
    const configuration = this.#configurationOf(path);
    const mine = configuration !== undefined && this.#role(configuration) !== "none";
    const found = mine ? await this.#register(path, configuration, deep) : [];
    if (mine) found.push(...(await this.#contents(path, configuration, expected)));
    const head = await this.#headOf(path);
    if (head === undefined) return found;
    for (const version of versionsOf(head)) {
      for (const [index, named] of chunksNamed(version).entries()) {
        if (index % CHUNK_LOOKUPS === CHUNK_LOOKUPS - 1) await sleep(this.#parts.runtime, 1);
        if (this.#roleOf(named.chunk) !== "none") await chunks.check({ ...named, owner: path }, { deep, expected });
      }
    }
    return found;
  }

  // ------------------------------------------------------------------------------------------------------ register

  /** Brings the register up to the others', and its head in order. */
  async #register(path: Path, configuration: Configuration, deep: boolean): Promise<Found[]> {
    const { catchUp, damages, replica, runtime } = this.#parts;
    const damaged = await this.#headDamage(path);
    const want = deep || damaged !== undefined ? Want.HEAD : Want.BALLOT;
    const others = await this.#askOthers(path, configuration, want);
    const own = replica.accepted(path).ballot;
    const [best] = others.toSorted((a, b) => compareBallots(b.held.ballot, a.held.ballot));
    if (best === undefined) return damaged === undefined ? [] : [this.#note(path, { what: "head", name: "", why: damaged })];
    if (compareBallots(best.held.ballot, own) > 0) {
      if (this.#role(configuration) === "joins") return [];
      if ((await absenceHere(this.#parts, { path, peer: best.node, ballot: best.held.ballot })) === "erased") return [];
      await sleep(runtime, CATCH_UP_GRACE_MS); // what is just being written comes by itself
      if (compareBallots(best.held.ballot, replica.accepted(path).ballot) <= 0) return [];
      const behind = { what: "version", path, name: "", why: "another replica holds a newer value" } as const;
      damages.damaged(behind);
      await catchUp.takeOver(best.node, path);
      const took = compareBallots(best.held.ballot, replica.accepted(path).ballot) <= 0;
      if (!took) return [behind];
      damages.mended(behind);
      return [];
    }
    const wrong = damaged ?? (deep ? this.#differs(path, others) : undefined);
    if (wrong === undefined) return [];
    const found = this.#note(path, { what: "head", name: "", why: wrong });
    if (!(await this.#mendHead(path, configuration, own, others))) return [found];
    damages.mended({ path, ...found });
    return [];
  }

  /** What is wrong with the stored head by itself, in words. */
  async #headDamage(path: Path): Promise<string | undefined> {
    const row = (await this.#rowsOf(path)).find(({ held }) => held !== undefined);
    return row === undefined ? undefined : headFlaw(row);
  }

  /** Other replicas hold other bytes at the same ballot, and more of them agree with each other than with this one. */
  #differs(path: Path, others: readonly Asked[]): string | undefined {
    const { ballot, head } = this.#parts.replica.accepted(path);
    const same = others.filter(({ held }) => sameBallot(held.ballot, ballot));
    const agreeing = same.filter(({ held }) => equalBytes(held.head, head)).length;
    const most = mostOf(same.map(({ held }) => held.head));
    if (most === undefined || equalBytes(most.bytes, head) || most.count <= agreeing + 1) return undefined;
    return `${most.count} replicas hold another head at the same ballot`;
  }

  /** Puts the head that others hold at this very ballot in the place of the damaged one, once it is known chosen. */
  async #mendHead(path: Path, { number }: Configuration, own: Ballot, others: readonly Asked[]): Promise<boolean> {
    const { coordinator, replica } = this.#parts;
    const { ballot } = await coordinator.settle(path, OPERATION_BUDGET_MS);
    const now = replica.accepted(path).ballot;
    if (compareBallots(now, own) > 0) return (await this.#headDamage(path)) === undefined;
    if (!sameBallot(ballot, own)) return false;
    const same = others.filter(({ held }) => sameBallot(held.ballot, own) && decoded(held.head) !== undefined);
    const most = mostOf(same.map(({ held }) => held.head));
    const head = most && decoded(most.bytes);
    if (most === undefined || head === undefined) return false;
    const { random } = head.current.operation;
    const content = isInline(head.current) ? await coordinator.inlineBytes(path, head.current) : null;
    await replica.learn({ path, ballot: own, head: most.bytes, random, content, mends: true, configuration: number });
    return (await this.#headDamage(path)) === undefined;
  }

  // ------------------------------------------------------------------------------------------------------ contents

  /** Brings the inline bytes of every version that the head names; what is left. */
  async #contents(path: Path, configuration: Configuration, expected: boolean): Promise<Found[]> {
    const { coordinator, replica } = this.#parts;
    const rows = new Map((await this.#rowsOf(path)).map((row) => [row.random, row]));
    const head = this.#ownHead(path);
    const left: Found[] = [];
    if (head === undefined) return left;
    for (const version of versionsOf(head)) {
      if (!isInline(version)) continue;
      const { random } = version.operation;
      const row = rows.get(random);
      const why = contentFlaw(row?.content, version);
      if (why === undefined || (row === undefined && this.#role(configuration) === "joins")) continue;
      const found: Found = { what: "content", name: `@${version.version}`, why };
      if (row !== undefined || !expected) this.#note(path, found);
      try {
        const content = await coordinator.inlineBytes(path, version);
        const head = headCodec.encode(headAlone(version));
        await replica.fill({ path, random, head, content, configuration: configuration.number });
        this.#parts.damages.mended({ path, ...found });
      } catch (error) {
        if (codeOf(error) === undefined) throw error;
        left.push(this.#note(path, { ...found, why: messageOf(error) }));
      }
    }
    return left;
  }

  #note(path: Path, found: Found): Found {
    this.#parts.damages.damaged({ path, ...found });
    return found;
  }

  // -------------------------------------------------------------------------------------------------------- looking

  get #self(): NodeNumber {
    return this.#parts.maps.self;
  }

  #configurationOf(path: Path): Configuration | undefined {
    const { map } = this.#parts.maps;
    return map.partitions[partitionOf(map, path)];
  }

  /** What this node is to a partition. Who joins holds what has been carried over so far. */
  #role(configuration: Configuration | undefined): "stands" | "joins" | "none" {
    if (configuration === undefined || !isReplica(configuration, this.#self)) return "none";
    return isJoining(configuration, this.#self) ? "joins" : "stands";
  }

  #roleOf(chunk: ChunkId): "stands" | "joins" | "none" {
    const { map } = this.#parts.maps;
    return this.#role(map.partitions[chunkPartitionOf(map, chunk)]);
  }

  /** The rows of a file on the disk, once nothing of it is on its way there. @throws QdfsError OVERLOADED: it is written without a pause */
  async #rowsOf(path: Path): Promise<readonly StoredRow[]> {
    const { replica, runtime, store } = this.#parts;
    for (let looks = 0; replica.isWriting(path) && looks < WRITING_LOOKS; looks += 1) await sleep(runtime, WRITING_LOOK_MS);
    if (replica.isWriting(path)) throw new QdfsError("OVERLOADED", `${path} is being written all the time`);
    return store.rowsOf(path);
  }

  /** The head of the accepted value here; undefined: absent, or damaged. */
  #ownHead(path: Path): Head | undefined {
    return decoded(this.#parts.replica.accepted(path).head);
  }

  /** The file's head as this node holds it, or else as the replicas that answer do. @throws QdfsError QUORUM_UNAVAILABLE: none does */
  async #headOf(path: Path): Promise<Head | undefined> {
    const configuration = this.#configurationOf(path);
    if (configuration === undefined) return undefined;
    if (this.#role(configuration) === "stands") return this.#ownHead(path);
    const others = await this.#askOthers(path, configuration, Want.HEAD);
    if (others.length === 0) throw new QdfsError("QUORUM_UNAVAILABLE", `no replica of ${path} answers`);
    const heads = others.toSorted((a, b) => compareBallots(b.held.ballot, a.held.ballot)).map(({ held }) => decoded(held.head));
    return heads.find((head) => head !== undefined);
  }

  /** What the other replicas that answer hold. */
  async #askOthers(path: Path, configuration: Configuration, want: Want): Promise<Asked[]> {
    const others = replicasOf(configuration).filter((node) => node !== this.#self);
    const answers = await Promise.all(others.map((node) => this.#ask(node, path, configuration, want)));
    return answers.filter((answer) => answer !== undefined);
  }

  async #ask(node: NodeNumber, path: Path, { number }: Configuration, want: Want): Promise<Asked | undefined> {
    const { peers } = this.#parts;
    try {
      const timeoutMs = peers.doubtful(node) ? QUORUM_PATIENCE_MS : CONTROL_CALL_MS;
      const { held } = await peers.call(node, number, { read: { path, want, version: 0 } }, timeoutMs);
      if (!held) return undefined;
      const { configuration, counter, node: by } = held.ballot;
      return { node, held: { ballot: { configuration, counter, node: by }, head: held.head, chosen: held.chosen } };
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return undefined;
    }
  }
}

interface Asked {
  readonly node: NodeNumber;
  readonly held: Pick<Held, "ballot" | "head" | "chosen">;
}

/** Every version that a head names and that has bytes. */
export function versionsOf(head: Head): readonly Version[] {
  return [head.current, ...head.history].filter(({ tombstone, version }) => !tombstone && version > 0);
}

/** What is wrong with inline bytes, in words; undefined: nothing. */
export function contentFlaw(content: Uint8Array | null | undefined, version: Version): string | undefined {
  if (content === null || content === undefined) return version.sizeBytes === 0 ? undefined : "the bytes are missing";
  return checksumOf(content) === version.checksum ? undefined : "the bytes do not have their checksum";
}

/** What is wrong with a row's head by itself, in words; undefined: nothing. */
export function headFlaw({ head, random }: Pick<StoredRow, "head" | "random">): string | undefined {
  const found = decoded(head);
  if (found === undefined) return "it cannot be decoded";
  return found.current.operation.random === random ? undefined : "it is the head of another version";
}

function decoded(head: Uint8Array): Head | undefined {
  if (head.length === 0) return undefined;
  try {
    return headCodec.decode(head);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** What occurs most often, and how often; the first of equals. */
function mostOf(all: readonly Uint8Array[]): { readonly bytes: Uint8Array; readonly count: number } | undefined {
  let most: { bytes: Uint8Array; count: number } | undefined;
  for (const bytes of all) {
    const count = all.filter((other) => equalBytes(other, bytes)).length;
    if (most === undefined || count > most.count) most = { bytes, count };
  }
  return most;
}

function sleep({ timers }: Runtime, delayMs: number): Promise<void> {
  return new Promise((resolve) => timers.after(delayMs, resolve));
}
