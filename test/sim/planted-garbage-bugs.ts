/** Mistakes about what is thrown away: tombstones that are erased, chunks that are collected. */
import { NO_NEXT_PROMISES, type PlantedBug, SHORT_WINDOW } from "./planted-bug.ts";

export const GARBAGE_BUGS: readonly PlantedBug[] = [
  {
    name: "erased-with-one-replica-behind",
    wrong: "a tombstone is erased though one replica is not ready (P14)",
    edits: [
      { file: "src/datanode/eraser.ts", find: "if (late.length > 0) {", replace: "if (late.length > 1) {" },
      { file: "src/datanode/eraser.ts", find: "if (left.length > 0) return", replace: "if (left.length > 1) return" },
    ],
    recipe: "garbage",
    seed: 6,
  },
  {
    name: "erased-without-a-floor",
    wrong: "erasing leaves no floor: an accept that was on its way is taken (P14, I9)",
    edits: [
      {
        file: "src/datanode/erasing-turn.ts",
        find: "{ floor: ballot, forgotten: stamp }",
        replace: "{ floor: ABSENT, forgotten: stamp }",
      },
    ],
    recipe: "garbage",
    seed: 7,
  },
  {
    name: "erasing-forgets-nothing",
    wrong: "with a tombstone goes what was done, and nobody knows that anything was forgotten (P12, P14)",
    edits: [
      SHORT_WINDOW,
      {
        file: "src/datanode/erasing-turn.ts",
        find: "{ floor: ballot, forgotten: stamp }",
        replace: "{ floor: ballot, forgotten: 0 }",
      },
    ],
    recipe: "garbage",
    seed: 48,
  },
  {
    name: "chunks-deleted-without-a-settle",
    wrong: "a store deletes what the owner's head does not name anywhere it looks, and has nothing accepted (P22)",
    edits: [
      {
        file: "src/datanode/chunk-collector.ts",
        find: "const head = await this.#settled(owner);\n    if (uploadsOf(head).has(upload)) {",
        replace: "if ((await this.#named(owner))?.has(upload)) {",
      },
    ],
    recipe: "garbage",
    seed: 1,
  },
  {
    name: "doomed-chunks-confirmed",
    wrong: "a store confirms chunks that it is about to delete (P21, P22)",
    edits: [
      {
        file: "src/datanode/chunk-store.ts",
        find: "return this.#doomed.has(chunk) || this.#held(chunk)?.owner !== path;",
        replace: "return this.#held(chunk)?.owner !== path;",
      },
    ],
    recipe: "garbage",
    seed: 60,
  },
  {
    name: "erased-between-two-answers",
    wrong: "the highest ballot shown is taken for the newest, though what followed it may have been erased since (P11, P14)",
    edits: [
      NO_NEXT_PROMISES,
      {
        file: "src/register/reader.ts",
        find: "if (behind.length > 0 && mayBeErased(head, this.#forgotten()))",
        replace: "if (head.forgotten < 0)",
      },
      {
        file: "src/datanode/coordinator.ts",
        find: "!(prepared.inDoubt && (await this.#wasErased(round, prepared)))",
        replace: "true",
      },
    ],
    recipe: "all",
    seed: 8_029_021,
  },
];
