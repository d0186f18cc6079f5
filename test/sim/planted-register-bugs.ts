/** Mistakes about one file's operations in a cluster that stays as it is: ballots, quorums, windows, commits, the listing, chunks. */
import { FEW_PROMISES, type PlantedBug } from "./planted-bug.ts";

export const REGISTER_BUGS: readonly PlantedBug[] = [
  {
    name: "promise-forgotten-in-a-crash",
    wrong: "after a restart nothing counts as promised: there is no ceiling",
    edits: [{ file: "src/register/counter.ts", find: "this.ceilingAtStart = ceiling;", replace: "this.ceilingAtStart = 0;" }],
    recipe: "crashes",
    seed: 290,
  },
  {
    name: "accept-below-promise-after-restart",
    wrong: "the ceiling is held against prepares, and accepts are let through",
    edits: [
      {
        file: "src/register/acceptor.ts",
        find: "const isBelow = compareBallots(ballot, floor) < 0 ||",
        replace: "const isBelow = compareBallots(ballot, highestBallot(this.#promises.floor(path), accepted.ballot)) < 0 ||",
      },
    ],
    recipe: "duels",
    seed: 1_525,
  },
  {
    name: "ballot-reused-after-restart",
    wrong: "a restarted node counts from the beginning again, and takes its own old ballots",
    edits: [
      { file: "src/register/counter.ts", find: "this.#current = ceiling;", replace: "this.#current = 0;" },
      { file: "src/register/counter.ts", find: "this.ceilingAtStart = ceiling;", replace: "this.ceilingAtStart = 0;" },
      { file: "src/register/counter.ts", find: "Math.max(counter, this.#current) + CEILING_STEP", replace: "CEILING_STEP * 4" },
    ],
    recipe: "crashes",
    seed: 155,
  },
  {
    name: "eviction-without-floor",
    wrong: "a promise that the table evicts leaves no floor",
    edits: [
      FEW_PROMISES,
      {
        file: "src/register/promises.ts",
        find: "this.#floors[bucket] = highestBallot(this.#floors[bucket] ?? ABSENT, { ...oldest[1], configuration: 0 });",
        replace: "this.#floors[bucket] = ABSENT;",
      },
    ],
    recipe: "lossy",
    seed: 1,
  },
  {
    name: "read-without-write-back",
    wrong: "a read returns the highest ballot that it met, settled or not",
    edits: [
      {
        file: "src/register/reader.ts",
        find: "known ||= isCountable(highest, this.#request.configuration) && reaches(this.#request.configuration, decisiveNeed, holders);",
        replace: "known = true;",
      },
    ],
    recipe: "duels",
    seed: 87,
  },
  {
    name: "r-plus-w-equals-n",
    wrong: "phase 1 and reads ask one replica too few",
    edits: [
      {
        file: "src/register/quorum.ts",
        find: "readNeed: Need = (set) => set.r;",
        replace: "readNeed: Need = (set) => Math.max(1, set.nodes.length - set.w);",
      },
    ],
    recipe: "hot",
    seed: 1,
  },
  {
    name: "retried-under-a-new-id",
    wrong: "a put that timed out is sent again as another operation",
    edits: [
      {
        file: "src/client/mutate.ts",
        find: "operation: this.#operation, attempt,",
        replace: "operation: attempt === 1 ? this.#operation : this.#newOperation(), attempt,",
      },
    ],
    recipe: "lossy",
    seed: 1,
  },
  {
    name: "unsettled-value-superseded",
    wrong: "a new head is proposed on top of one that is not known to be chosen",
    edits: [{ file: "src/datanode/coordinator.ts", find: "if (!prepared.knownChosen) {", replace: "if (false as boolean) {" }],
    recipe: "duels",
    seed: 1,
  },
  {
    name: "chosen-mark-before-w",
    wrong: "the hint goes out whatever became of the proposal",
    edits: [
      {
        file: "src/datanode/coordinator.ts",
        find: 'if (proposed.kind === "chosen") for (const node of replicas)',
        replace: "for (const node of replicas)",
      },
    ],
    recipe: "duels",
    seed: 1,
  },
  {
    name: "wiped-node-keeps-its-identity",
    wrong: "an empty disk at a member's address is taken for the member",
    edits: [
      {
        file: "src/supernode/admission.ts",
        find: "#member({ number, diskId }: JoinRequest)",
        replace: "#member({ number, diskId, grpc }: JoinRequest)",
      },
      {
        file: "src/supernode/admission.ts",
        find: "if (number === 0) return nodes.find((node) => node.diskId === diskId);",
        replace: "if (number === 0) return nodes.find((node) => node.diskId === diskId || node.grpc === grpc);",
      },
    ],
    recipe: "wipe",
    seed: 4,
  },
  {
    name: "answer-before-fsync",
    wrong: "an accept is answered when it is staged",
    edits: [
      {
        file: "src/datanode/replica.ts",
        find: "turn.waiting.push({ entry, answer: { accepted: {} } });",
        replace: "entry.reply({ accepted: {} });",
      },
    ],
    recipe: "crashes",
    seed: 1,
  },
  {
    name: "catalogue-goes-back",
    wrong: "the catalogue lists whatever comes last",
    edits: [
      {
        file: "src/storage/memory-super-store.ts",
        find: "if (before === undefined || compareBallots(file.ballot, before.ballot) > 0) this",
        replace: "if (true as boolean) this",
      },
      {
        file: "src/supernode/catalogue.ts",
        find: "if (recent !== undefined && compareBallots(ballot, recent) <= 0) return false;",
        replace: "",
      },
      {
        file: "src/supernode/pending-file.ts",
        find: "if (this.listed !== undefined && compareBallots(report.ballot, this.listed) <= 0) return false;",
        replace: "",
      },
    ],
    recipe: "supernode",
    seed: 506,
  },
  {
    name: "refusal-not-recorded",
    wrong: "a repeated attempt is refused without a record, and the stalled first one applied afterwards (P13)",
    edits: [
      {
        file: "src/datanode/coordinator.ts",
        find: "if (mutate.attempt > 1 || attempt.proposed) return await this.#carryOut",
        replace: "if (false as boolean) return await this.#carryOut",
      },
    ],
    recipe: "hot",
    seed: 1,
  },
  {
    name: "operation-not-looked-up",
    wrong: "the window is not asked whether the operation was done before (P12)",
    edits: [{ file: "src/register/head.ts", find: "if (recorded !== undefined) {", replace: "if (recorded?.version === -1) {" }],
    recipe: "lossy",
    seed: 1,
  },
  {
    name: "uncommitted-overlooked",
    wrong: "a prepare is answered from what is committed while an accept of the file is on its way to the disk (P1)",
    edits: [
      {
        file: "src/datanode/replica.ts",
        find: "if (!about || this.isWriting(about.path)) return false;",
        replace: "if (!about || (!body.prepare && this.isWriting(about.path))) return false;",
      },
    ],
    recipe: "hot",
    seed: 1,
  },
  {
    name: "chunks-not-confirmed",
    wrong: "one copy of a chunk is enough for its sender, and nobody looks again (P21)",
    edits: [
      {
        file: "src/datanode/coordinator.ts",
        find: "if (version?.chunks) await this.#chunks.confirm(attempt.path, version);",
        replace: "",
      },
      {
        file: "src/client/chunk-put.ts",
        find: 'if (this.#isDurable || this.#tally.vote() !== "won") return;',
        replace: "if (this.#isDurable) return;",
      },
    ],
    recipe: "disks",
    seed: 3,
  },
  {
    name: "bytes-not-verified",
    wrong: "inline bytes are passed on without a look at their checksum",
    edits: [
      {
        file: "src/client/read.ts",
        find: "const valid = (content: Uint8Array) => content.length === version.sizeBytes && checksumOf(content) === version.checksum;",
        replace: "const valid = (_: Uint8Array) => true;",
      },
    ],
    recipe: "disks",
    seed: 83,
  },
  {
    name: "unchosen-value-learned",
    wrong: "catching up takes a value over as chosen that only one peer may hold",
    edits: [{ file: "src/datanode/catch-up.ts", find: "if (!held.chosen || !intact) await", replace: "if (!intact) await" }],
    recipe: "swarm",
    seed: 8,
  },
  {
    name: "settle-kept-for-ever",
    wrong: "a settle is answered with an earlier one of the same file",
    edits: [
      {
        file: "src/datanode/coordinator.ts",
        find: "if (begun) return settled;",
        replace: "",
      },
    ],
    recipe: "duels",
    seed: 19,
  },
  {
    name: "listing-without-fence",
    wrong: "a listing does not wait for what the change logs still hold, and calls itself complete",
    edits: [
      {
        file: "src/supernode/listing.ts",
        find: 'const incomplete = request.eventual ? "" : await this.#fence.pass();',
        replace: 'const incomplete = "";',
      },
    ],
    recipe: "swarm",
    seed: 1,
  },
  {
    name: "folded-home-first",
    wrong: "with phase 1 in the accept the home does not wait for another replica to take it first",
    edits: [
      {
        file: "src/register/proposer.ts",
        find: "for (const node of round.replicas) if (node !== ballot.node) send(node, body);",
        replace:
          "if (own !== undefined) send(own, { accept }); own = undefined; for (const node of round.replicas) if (node !== ballot.node) send(node, body);",
      },
    ],
    recipe: "duels",
    seed: 29,
  },
  {
    name: "folded-base-unchecked",
    wrong: "an accept with phase 1 in it is taken over something newer than its base",
    edits: [
      {
        file: "src/register/acceptor.ts",
        find: "const isNoBase = remembersMore || compareBallots(accepted.ballot, base) > 0;",
        replace: "const isNoBase = remembersMore && false;",
      },
    ],
    recipe: "duels",
    seed: 1,
  },
  {
    name: "folded-on-unchosen",
    wrong: "phase 1 is folded on the strength of a value that is not known chosen",
    edits: [
      {
        file: "src/datanode/coordinator.ts",
        find: "return promised?.chosen ?",
        replace: "return promised ?",
      },
    ],
    recipe: "duels",
    seed: 1,
  },
  {
    name: "next-not-promised",
    wrong: "a replica takes an accept that asks for the next promise without promising it",
    edits: [
      {
        file: "src/register/acceptor.ts",
        find: "if (next > 0) this.#promises.promise(path, { ...ballot, counter: next });",
        replace: "",
      },
    ],
    recipe: "duels",
    seed: 1,
  },
  {
    name: "next-used-twice",
    wrong: "the next promise is good for more than one value",
    edits: [{ file: "src/datanode/file-queue.ts", find: "this.#handed.delete(path);", replace: "" }],
    recipe: "duels",
    seed: 1,
  },
  {
    name: "next-before-chosen",
    wrong: "the next promise is used though too few took the accept that brought it",
    edits: [
      {
        file: "src/datanode/coordinator.ts",
        find: 'if (proposed.kind === "chosen") {\n      if (next',
        replace:
          'if (next !== undefined && proposed.kind !== "chosen") this.#queues.hand(attempt.path, { ballot: { ...at.ballot, counter: next }, head: decision.head });\n    if (proposed.kind === "chosen") {\n      if (next',
      },
    ],
    recipe: "duels",
    seed: 40,
  },
  {
    name: "evicted-with-its-configuration",
    wrong:
      "an evicted promise of a partition that moved refuses the others of its bucket, whose configurations have lower numbers",
    edits: [
      FEW_PROMISES,
      { file: "src/register/promises.ts", find: "{ ...oldest[1], configuration: 0 }", replace: "oldest[1]" },
      { file: "src/register/promises.ts", find: "{ ...evicted, configuration }", replace: "evicted" },
      { file: "src/limits.ts", find: "PROMISE_BUCKETS = 4096", replace: "PROMISE_BUCKETS = 1" },
    ],
    recipe: "grow",
    seed: 1,
  },
];
