/**
 * What must hold of every register at every commit, seen from outside: the accepts that become durable on the disks, and the
 * answers that leave the processes.
 *
 *  I1 An answer never claims more than the disks hold at that moment.
 *  I2 No disk takes an accept below what it accepted or promised before, in whatever life.
 *  I3 One ballot, one value; the chosen heads form one chain, whose versions rise by 0 (settled, refusal recorded) or 1.
 *  I5 What a change answered is in the heads of as many disks as it says.
 *  I6 A head names only chunks that W stores hold when it first appears, or held before they were collected: it is late then, and never chosen.
 *  I7 No disk that is a replica of a chunk deletes it while the newest chosen head of a file names it, unless W others hold it; and W stores hold all
 *     that is named when a head becomes the newest chosen one.
 *  I8 No disk takes an accept of a configuration older than the one that it has adopted.
 *  I9 No disk takes a ballot at or below one of the file that it has erased, be it learned.
 */
import { CHECKSUM_BYTES } from "../../base/checksum.ts";
import { nodeName, type Path } from "../../base/ids.ts";
import { chunkPartitionOf, configurationOf, partitionOf, replicasOf } from "../../cluster/map.ts";
import type { AcceptWrite, NodeWrites } from "../../ports.ts";
import { compareBallots, formatBallot } from "../../register/ballot.ts";
import { sameOperation } from "../../register/head.ts";
import { reaches, writeNeed } from "../../register/quorum.ts";
import { headCodec } from "../../wire/codec.ts";
import type { AnswerBody, Ballot, ClusterMap, Configuration, Head, Mutated, OperationId, Request } from "../../wire/messages.ts";
import type { Disk } from "../disk.ts";
import type { Violations } from "../violation.ts";
import { GarbageInvariants } from "./garbage.ts";

interface Value {
  readonly ballot: Ballot;
  readonly bytes: Uint8Array;
  readonly head: Head;
  /** Numbers of nodes. */
  readonly holders: Set<number>;
  chosen: boolean;
}

interface Register {
  readonly values: Map<string, Value>;
  /** By ballot, rising. */
  readonly chain: Value[];
}

/** Where the disks are now. */
export interface DiskView {
  readonly map: ClusterMap;
  /** The disk of a member of the map, if it is still there; undefined: it was wiped. */
  diskOfNode(node: number): Disk | undefined;
  /** Of any map that ever was. */
  configuration(partition: number, number: number): Configuration | undefined;
  /** The last three of each generation. */
  latestOf(partition: number): readonly Configuration[];
}

export class RegisterInvariants {
  readonly #violations: Violations;
  readonly #view: DiskView;
  readonly #keepVersions: number;
  readonly #registers = new Map<Path, Register>();
  /** By disk and path, the highest ballot that it promised in an answer to somebody else. */
  readonly #promises = new Map<string, Ballot>();
  /** By disk, the map that it has adopted. */
  readonly #adopted = new Map<string, ClusterMap>();
  readonly #garbage: GarbageInvariants;

  constructor(violations: Violations, view: DiskView, keepVersions: number) {
    this.#violations = violations;
    this.#view = view;
    this.#keepVersions = keepVersions;
    this.#garbage = new GarbageInvariants(violations);
  }

  /** Chosen heads of a file, oldest first. */
  chain(path: Path): readonly { readonly ballot: Ballot; readonly head: Head }[] {
    return this.#registers.get(path)?.chain ?? [];
  }

  durable(disk: Disk, writes: NodeWrites): void {
    const { accepts, map: adopts } = writes;
    this.#garbage.erased(disk, writes);
    for (const accept of accepts) {
      this.#garbage.accepted(disk, accept);
      this.#accepted(disk, accept);
    }
    const map = this.#adopted.get(disk.diskId) ?? this.#view.map;
    this.#garbage.deleted(disk, writes, map, this.#newest(), (chunk) => {
      const lately = this.#view.latestOf(chunkPartitionOf(map, chunk));
      return lately.some((configuration) => this.#hold(configuration, chunk, disk));
    });
    if (adopts !== undefined) this.#adopted.set(disk.diskId, adopts);
  }

  #accepted(disk: Disk, { path, ballot, head, chosen }: AcceptWrite): void {
    const promised = this.#promises.get(`${disk.diskId} ${path}`);
    // What is learned is no vote: it was chosen before (Acceptor.learns).
    if (!chosen && promised !== undefined && compareBallots(ballot, promised) < 0) {
      this.#violations.found(
        "I2",
        `${disk.diskId} accepted ${path} at ${formatBallot(ballot)} after it promised ${formatBallot(promised)}`,
      );
    }
    const { map } = this.#view;
    const partition = partitionOf(map, path);
    const adopted = this.#adopted.get(disk.diskId)?.partitions[partition]?.number ?? 0;
    if (!chosen && ballot.configuration < adopted)
      this.#violations.found("I8", `${disk.diskId} accepted ${path} at ${formatBallot(ballot)} after it adopted ${adopted}`);
    const register = this.#register(path);
    const value = this.#value(register, path, ballot, head);
    value.holders.add(disk.number);
    const configuration = this.#view.configuration(partition, ballot.configuration);
    if (value.chosen || configuration === undefined || !reaches(configuration, writeNeed, value.holders)) return;
    value.chosen = true;
    this.#choose(register, path, value);
  }

  /** The newest chosen head of each file. */
  *#newest(): Generator<readonly [Path, Head]> {
    for (const [path, { chain }] of this.#registers) {
      const head = chain.at(-1)?.head;
      if (head !== undefined) yield [path, head];
    }
  }

  #register(path: Path): Register {
    let register = this.#registers.get(path);
    if (register === undefined) {
      register = { values: new Map(), chain: [] };
      this.#registers.set(path, register);
    }
    return register;
  }

  #value(register: Register, path: Path, ballot: Ballot, bytes: Uint8Array): Value {
    const key = formatBallot(ballot);
    const known = register.values.get(key);
    if (known !== undefined) {
      const same = Buffer.compare(known.bytes, bytes) === 0;
      this.#violations.check(same, "I3", () => `two values of ${path} were accepted at ${key}`);
      return known;
    }
    const value: Value = { ballot, bytes, head: headCodec.decode(bytes), holders: new Set(), chosen: false };
    register.values.set(key, value);
    this.#checkChunks(path, value.head, "I6");
    return value;
  }

  /** How many must hold a value for it to be chosen, at least; of a configuration that changes just now that cannot be said. */
  #writeNeed(path: Path): number {
    const { number, sets } = configurationOf(this.#view.map, partitionOf(this.#view.map, path));
    const before = this.#view.configuration(partitionOf(this.#view.map, path), number - 1);
    const ws = [...sets, ...(before?.sets ?? [])].map(({ w }) => w);
    return sets.length > 1 ? Number.POSITIVE_INFINITY : Math.max(...ws);
  }

  // ------------------------------------------------------------------------------------------------ I3: one chain

  #choose(register: Register, path: Path, value: Value): void {
    const { chain } = register;
    let at = chain.length;
    while (at > 0 && compareBallots(chain[at - 1]?.ballot ?? value.ballot, value.ballot) > 0) at -= 1;
    chain.splice(at, 0, value);
    const [before, after] = [chain[at - 1], chain[at + 1]];
    if (before !== undefined) this.#checkLink(path, before, value);
    else if (value.head.current.version > 1) {
      this.#violations.found("I3", `the first chosen head of ${path} is version ${value.head.current.version}`);
    }
    if (after !== undefined) this.#checkLink(path, value, after);
    else this.#checkChunks(path, value.head, "I7");
  }

  #checkLink(path: Path, older: Value, newer: Value): void {
    const [from, to] = [older.head.current, newer.head.current];
    const words = (): string =>
      `${path}: version ${to.version} chosen at ${formatBallot(newer.ballot)} does not follow version ${from.version} chosen at ${formatBallot(older.ballot)}`;
    if (this.#garbage.mayBeginAnew(path, older, newer)) return;
    if (to.version === from.version) {
      this.#violations.check(sameOperation(from.operation, to.operation), "I3", words);
    } else if (to.version === from.version + 1) {
      const parent = newer.head.history[0];
      const follows =
        from.version === 0 || this.#keepVersions === 0 || (parent && sameOperation(parent.operation, from.operation));
      this.#violations.check(follows === true, "I3", words);
    } else this.#violations.found("I3", words());
  }

  // ----------------------------------------------------------------------------------------------------- I6: chunks

  #checkChunks(path: Path, { current }: Head, of: "I6" | "I7"): void {
    const { chunks } = current;
    if (chunks === null) return;
    const { map } = this.#view;
    for (let index = 0; index * CHECKSUM_BYTES < chunks.checksums.length; index += 1) {
      const chunk = `${chunks.upload}-${index}`;
      const partition = chunkPartitionOf(map, chunk);
      const { number } = configurationOf(map, partition);
      // Its coordinator, and the stores that confirmed it, may have gone by a map a little older than the newest.
      const lately = this.#view.latestOf(partition);
      const collected = of === "I6" && this.#garbage.wasDeleted(chunk);
      this.#violations.check(
        collected || lately.some((configuration) => this.#hold(configuration, chunk)),
        of,
        () => `version ${current.version} of ${path} names chunk ${index}, which W stores do not hold in ${number} or before`,
      );
    }
  }

  /** W stores hold it, `without` left out. */
  #hold(configuration: Configuration, chunk: string, without?: Disk): boolean {
    const holders = replicasOf(configuration).filter((node) => {
      if (node === without?.number) return false;
      const disk = this.#view.diskOfNode(node);
      // A disk that was wiped since had its share: it is not held against the head. So had one whose copy came out damaged since.
      return disk === undefined || disk.store.chunk(chunk) !== undefined || disk.files.quarantined().includes(chunk);
    });
    return reaches(configuration, writeNeed, new Set(holders));
  }

  // ------------------------------------------------------------------------------------------- I1, I2, I5: answers

  served(disk: Disk, { prepare, accept, mutate }: Request, answer: AnswerBody): void {
    if (prepare && answer.promised) this.#promised(disk, prepare.path, prepare.ballot);
    if (accept && answer.accepted) {
      const held = disk.store.register(accept.path);
      const durable = held !== undefined && compareBallots(held.ballot, accept.ballot) >= 0;
      this.#violations.check(
        durable,
        "I1",
        () => `${disk.diskId} answered an accept of ${accept.path} at ${formatBallot(accept.ballot)} that is not on its disk`,
      );
      if (accept.next) this.#promised(disk, accept.path, { ...accept.ballot, counter: accept.next });
    }
    if (mutate && answer.mutated) this.#mutated(mutate.path, mutate.attempt, answer.mutated);
  }

  #promised(disk: Disk, path: Path, { configuration, counter, node }: Ballot): void {
    const key = `${disk.diskId} ${path}`;
    const before = this.#promises.get(key);
    const ballot = { configuration, counter, node };
    if (before !== undefined && compareBallots(ballot, before) <= 0) {
      this.#violations.found("I2", `${disk.diskId} promised ${formatBallot(ballot)} for ${path} after ${formatBallot(before)}`);
    }
    this.#promises.set(key, ballot);
  }

  /** An answered change stands on as many disks as the answer says, a recorded refusal (P13) in a head that was chosen. */
  #mutated(path: Path, attempt: number, { outcome, acks: claimed, chosen }: Mutated): void {
    if (outcome.refusal !== "") {
      // By the W of the configuration in which it was recorded, which may be another than the present one.
      const recorded = attempt <= 1 || this.chain(path).some(({ head }) => remembers(head, outcome.operation));
      this.#violations.check(
        recorded,
        "I5",
        () => `${path}: operation ${outcome.operation.random} was refused for good, and no chosen head says so`,
      );
      return;
    }
    const need = this.#writeNeed(path);
    // What is not chosen is provisional (P9): another value may take its place at any moment.
    if (!chosen || claimed < need || need === Number.POSITIVE_INFINITY) return;
    let held = 0;
    const { nodes, gone = [] } = this.#view.map;
    for (const { number } of [...nodes, ...gone]) if (this.#holds(number, path, outcome.operation)) held += 1;
    const words = (): string =>
      `${path}: operation ${outcome.operation.random} was answered as held by ${claimed}, and ${held} disks hold it`;
    this.#violations.check(held >= claimed, "I5", words);
  }

  /** A wiped disk may have held it, and one that lost rows of the file. So may one whose head has forgotten an operation this old. */
  #holds(node: number, path: Path, operation: OperationId): boolean {
    const disk = this.#view.diskOfNode(node);
    if (disk === undefined || disk.lost.has(path)) return true;
    const stored = disk.store.register(path);
    if (stored === undefined) return this.#garbage.forgot(disk, path, partitionOf(this.#view.map, path), operation);
    const head = this.#registers.get(path)?.values.get(formatBallot(stored.ballot))?.head;
    if (head === undefined) {
      this.#violations.found("I3", `${nodeName(node)} holds a value of ${path} that was never accepted`);
      return false;
    }
    return remembers(head, operation);
  }
}

/** So does one that has forgotten an operation this old. */
function remembers({ forgotten, window }: Head, operation: OperationId): boolean {
  return forgotten >= operation.stamp || window.some((outcome) => sameOperation(outcome.operation, operation));
}
