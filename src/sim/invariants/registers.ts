/**
 * What must hold of every register at every commit, seen from outside: the accepts that become durable on the disks, and the
 * answers that leave the processes.
 *
 *  I1 An answer never claims more than the disks hold at that moment.
 *  I2 No disk takes an accept below what it accepted or promised before, in whatever life.
 *  I3 One ballot, one value; the chosen heads form one chain, whose versions rise by 0 (settled, refusal recorded) or 1.
 *  I5 What a change answered is in the heads of as many disks as it says.
 *  I6 A head names only chunks that W stores hold when it first appears.
 */
import { CHECKSUM_BYTES } from "../../base/checksum.ts";
import { nodeName, type Path } from "../../base/ids.ts";
import { chunkPartitionOf, configurationOf, partitionOf, replicasOf } from "../../cluster/map.ts";
import type { AcceptWrite, NodeWrites } from "../../ports.ts";
import { compareBallots, formatBallot } from "../../register/ballot.ts";
import { sameOperation } from "../../register/head.ts";
import { headCodec } from "../../wire/codec.ts";
import type { AnswerBody, Ballot, ClusterMap, Head, Mutated, OperationId, Request } from "../../wire/messages.ts";
import type { Disk } from "../disk.ts";
import type { Violations } from "../violation.ts";

interface Value {
  readonly ballot: Ballot;
  readonly bytes: Uint8Array;
  readonly head: Head;
  readonly holders: Set<string>;
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
}

export class RegisterInvariants {
  readonly #violations: Violations;
  readonly #view: DiskView;
  readonly #keepVersions: number;
  readonly #registers = new Map<Path, Register>();
  /** By node, its one disk. */
  readonly #disks = new Map<number, string>();
  /** By disk and path, the highest ballot that it promised in an answer to somebody else. */
  readonly #promises = new Map<string, Ballot>();

  constructor(violations: Violations, view: DiskView, keepVersions: number) {
    this.#violations = violations;
    this.#view = view;
    this.#keepVersions = keepVersions;
  }

  /** Chosen heads of a file, oldest first. */
  chain(path: Path): readonly { readonly ballot: Ballot; readonly head: Head }[] {
    return this.#registers.get(path)?.chain ?? [];
  }

  /** I2: a number goes with a disk for ever; what a disk lost it may not vote on. */
  serves({ number, diskId }: Disk): void {
    const before = this.#disks.get(number) ?? diskId;
    this.#disks.set(number, before);
    this.#violations.check(before === diskId, "I2", () => `${nodeName(number)} serves with ${diskId}, and had ${before} before`);
  }

  durable(disk: Disk, { accepts }: NodeWrites): void {
    for (const accept of accepts) this.#accepted(disk, accept);
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
    const register = this.#register(path);
    const value = this.#value(register, path, ballot, head);
    const before = value.holders.size;
    value.holders.add(disk.diskId);
    if (before === value.holders.size) return;
    if (before < this.#writeNeed(path) && value.holders.size >= this.#writeNeed(path)) this.#choose(register, path, value);
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
    const value: Value = { ballot, bytes, head: headCodec.decode(bytes), holders: new Set() };
    register.values.set(key, value);
    this.#checkChunks(path, value.head);
    return value;
  }

  #writeNeed(path: Path): number {
    return configurationOf(this.#view.map, partitionOf(this.#view.map, path)).sets[0]?.w ?? 0;
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
  }

  #checkLink(path: Path, older: Value, newer: Value): void {
    const [from, to] = [older.head.current, newer.head.current];
    const words = (): string =>
      `${path}: version ${to.version} chosen at ${formatBallot(newer.ballot)} does not follow version ${from.version} chosen at ${formatBallot(older.ballot)}`;
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

  #checkChunks(path: Path, { current }: Head): void {
    const { chunks } = current;
    if (chunks === null) return;
    const { map } = this.#view;
    for (let index = 0; index * CHECKSUM_BYTES < chunks.checksums.length; index += 1) {
      const chunk = `${chunks.upload}-${index}`;
      const configuration = configurationOf(map, chunkPartitionOf(map, chunk));
      let held = 0;
      for (const node of replicasOf(configuration)) {
        const disk = this.#view.diskOfNode(node);
        // A disk that was wiped since had its share: it is not held against the head.
        if (disk === undefined || disk.store.chunk(chunk) !== undefined) held += 1;
      }
      const need = configuration.sets[0]?.w ?? 0;
      this.#violations.check(
        held >= need,
        "I6",
        () => `version ${current.version} of ${path} names chunk ${index}, which ${held} stores hold, not ${need}`,
      );
    }
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

  /** An answered change, or a recorded refusal (P13), stands on as many disks as the answer says. */
  #mutated(path: Path, attempt: number, { outcome, acks }: Mutated): void {
    const claimed = outcome.refusal === "" ? acks : attempt > 1 ? this.#writeNeed(path) : 0;
    // What fewer than W hold is provisional (P9): another value may take its place at any moment.
    if (claimed < this.#writeNeed(path)) return;
    const { map } = this.#view;
    const configuration = configurationOf(map, partitionOf(map, path));
    let held = 0;
    for (const node of replicasOf(configuration)) if (this.#holds(node, path, outcome.operation)) held += 1;
    const words = (): string =>
      `${path}: operation ${outcome.operation.random} was answered as held by ${claimed}, and ${held} disks hold it`;
    this.#violations.check(held >= claimed, "I5", words);
  }

  /** A wiped disk may have held it. So may one whose head has forgotten an operation this old. */
  #holds(node: number, path: Path, operation: OperationId): boolean {
    const disk = this.#view.diskOfNode(node);
    if (disk === undefined) return true;
    const stored = disk.store.register(path);
    if (stored === undefined) return false;
    const head = this.#registers.get(path)?.values.get(formatBallot(stored.ballot))?.head;
    if (head === undefined) {
      this.#violations.found("I3", `${nodeName(node)} holds a value of ${path} that was never accepted`);
      return false;
    }
    return head.forgotten >= operation.stamp || head.window.some((outcome) => sameOperation(outcome.operation, operation));
  }
}
