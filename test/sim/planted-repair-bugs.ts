/** Mistakes about a cluster that changes and decays: configurations, recovery of the SuperNode, mending, comparing. */
import type { PlantedBug } from "./planted-bug.ts";

export const REPAIR_BUGS: readonly PlantedBug[] = [
  {
    name: "map-before-followers",
    wrong: "a rebuilt SuperNode issues a map when one replica of each set follows it",
    edits: [
      {
        file: "src/supernode/recovery.ts",
        find: "this.#follows(newest, number)).length < followNeed(set)",
        replace: "this.#follows(newest, number)).length < 1",
      },
    ],
    recipe: "recovery",
    seed: 26,
  },
  {
    name: "generation-forgotten-in-a-crash",
    wrong: "the generation that a DataNode follows is not on its disk",
    edits: [
      {
        file: "src/datanode/datanode.ts",
        find: "      store.followed(),\n",
        replace: "",
      },
    ],
    recipe: "recovery",
    seed: 46,
  },
  {
    name: "older-generation-adopted",
    wrong: "a DataNode that follows a generation takes the maps of the SuperNode before all the same",
    edits: [
      {
        file: "src/datanode/map-keeper.ts",
        find: "map.generation < this.generation || ",
        replace: "",
      },
    ],
    recipe: "recovery",
    seed: 1,
  },
  {
    name: "backup-goes-on",
    wrong: "a SuperNode goes on from its backup as if it were the newest state",
    edits: [
      {
        file: "src/supernode/begin.ts",
        find: "stored !== undefined && !maps.isBackup",
        replace: "stored !== undefined",
      },
      { file: "src/supernode/begin.ts", find: "if (parts.recoverFrom !== undefined) throw inUse(stored);", replace: "" },
      { file: "src/supernode/begin.ts", find: "await refuseIfReplaced(runtime, control, () => stored.map);", replace: "" },
    ],
    recipe: "recovery",
    seed: 1,
  },
  {
    name: "damaged-copy-trusted",
    wrong: "bytes are mended with those that lie there, damaged as they are",
    edits: [
      {
        file: "src/datanode/content-source.ts",
        find: "if (own !== undefined && checksumOf(own) === version.checksum) return own;",
        replace: "if (own !== undefined) return own;",
      },
    ],
    recipe: "disks",
    seed: 20,
  },
  {
    name: "scrub-skips-chunks",
    wrong: "the scrub reads the database and leaves the chunk files out",
    edits: [
      {
        file: "src/datanode/scrub.ts",
        find: "store.chunksAfter(state.afterChunk, SCRUB_CHUNKS)",
        replace: 'store.chunksAfter("~", SCRUB_CHUNKS)',
      },
    ],
    recipe: "disks",
    seed: 1,
  },
  {
    name: "kept-versions-left-out",
    wrong: "only what the current version names is looked after",
    edits: [
      {
        file: "src/datanode/mender.ts",
        find: "return [head.current, ...head.history].filter(",
        replace: "return [head.current].filter(",
      },
    ],
    recipe: "disks",
    seed: 1,
  },
  {
    name: "joint-taken-for-done",
    wrong:
      "a rebuilt SuperNode has the new set of a joint configuration that it finds stand alone, though nobody knows how far it was carried over",
    edits: [
      {
        file: "src/cluster/generation.ts",
        find: "{ ...configuration, number, recovered: true }",
        replace: "{ ...configuration, sets: configuration.sets.slice(-1), number, recovered: true }",
      },
    ],
    recipe: "grow-recovery",
    seed: 217,
  },
  {
    name: "joined-again",
    wrong:
      "a new generation numbers the configurations anew with which replicas joined: they drop what others count them for (P15)",
    edits: [
      {
        file: "src/cluster/generation.ts",
        find: "  return configuration.sets.length > 1",
        replace:
          "  configuration = { ...configuration, sets: configuration.sets.map((set) => ({ ...set, since: set.since?.map((one) => (one > 0 ? first : 0)) ?? [] })) };\n  return configuration.sets.length > 1",
      },
    ],
    recipe: "grow-recovery",
    seed: 2_000,
  },
  {
    name: "contents-not-compared",
    wrong: "the digest of a file does not say which contents are held",
    edits: [
      { file: "src/datanode/held-digest.ts", find: "Bun.hash.xxHash3(head), ...held]", replace: "Bun.hash.xxHash3(head)]" },
    ],
    recipe: "divergence",
    seed: 1,
  },
  {
    name: "values-not-compared",
    wrong: "ranges count as equal when as much is held in both",
    edits: [{ file: "src/datanode/entropy.ts", find: "if (own.equals(range))", replace: "if (own.count === range.count)" }],
    recipe: "divergence",
    seed: 1,
  },
  {
    name: "descends-into-the-first-part",
    wrong: "of the parts of a range that differs only the first is compared",
    edits: [
      {
        file: "src/datanode/entropy.ts",
        find: "for (const part of compared.ranges)",
        replace: "for (const part of compared.ranges.slice(0, 1))",
      },
    ],
    recipe: "divergence",
    seed: 1,
  },
  {
    name: "chunks-not-compared",
    wrong: "the comparison ends with the files",
    edits: [{ file: "src/datanode/entropy.ts", find: "if (place.chunks) break;", replace: "break;" }],
    recipe: "divergence",
    seed: 1,
  },
  {
    name: "lateness-is-an-alarm",
    wrong: "what had not come yet counts as lost, so the alarm says nothing",
    edits: [
      {
        file: "src/datanode/difference-mender.ts",
        find: 'first.operation.random === current.operation.random ? "lost" : "late"',
        replace: '"lost"',
      },
    ],
    recipe: "crashes",
    seed: 41,
  },
];
