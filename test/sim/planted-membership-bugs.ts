/** Planted mistakes (planted-bugs.ts) in what changes replicas and quorums, and in who is counted on for it: recipes grow, shrink, quorum, flap. */
import { NO_NEXT_PROMISES, type PlantedBug } from "./planted-bug.ts";

export const MEMBERSHIP_BUGS: readonly PlantedBug[] = [
  {
    name: "joint-counted-over-the-union",
    wrong: "while a configuration is joint, its quorums are counted over the replicas of both sets together (P10)",
    edits: [
      {
        file: "src/register/quorum.ts",
        find: "this.#sets = configuration.sets;",
        replace:
          "this.#sets = configuration.sets.slice(0, 1).map((set) => ({ ...set, nodes: [...new Set(configuration.sets.flatMap(({ nodes }) => nodes))] }));",
      },
    ],
    recipe: "grow",
    seed: 26,
  },
  {
    name: "new-set-alone-too-soon",
    wrong: "the new set stands alone before everything is carried over to it (P16)",
    edits: [{ file: "src/supernode/rebalancer.ts", find: "carried?.done && carried.of", replace: "carried?.of" }],
    recipe: "grow",
    seed: 25,
  },
  {
    name: "accepted-after-adoption",
    wrong: "an accept that waited is carried out although a newer configuration was adopted meanwhile (P5)",
    edits: [
      {
        file: "src/datanode/replica.ts",
        find: "if (this.#maps.numberOf(path) === configuration) return;",
        replace: "if (this.#maps.numberOf(path) !== -1) return;",
      },
    ],
    recipe: "grow",
    seed: 484,
  },
  {
    name: "one-word-for-all",
    wrong: "one replica is asked where R or N-W+1 have to be, by those who scan and those who list (P16, P20)",
    edits: [
      {
        file: "src/register/quorum.ts",
        find: "scanNeed: Need = (set) => set.nodes.length - set.w + 1;",
        replace: "scanNeed: Need = () => 1;",
      },
      { file: "src/register/quorum.ts", find: "carryNeed: Need = (set) => set.r;", replace: "carryNeed: Need = () => 1;" },
    ],
    recipe: "grow",
    seed: 280,
  },
  {
    name: "chunks-left-behind",
    wrong: "files are carried over and chunks are not (P16)",
    edits: [
      { file: "src/datanode/survey.ts", find: "for (const chunks of [false, true])", replace: "for (const chunks of [false])" },
    ],
    recipe: "grow",
    seed: 25,
  },
  {
    name: "history-left-behind",
    wrong: "of a file only the current version's bytes are carried over (P16)",
    edits: [
      { file: "src/datanode/completer.ts", find: "of [current, ...history]", replace: "of [current, ...history].slice(0, 1)" },
    ],
    recipe: "grow",
    seed: 31,
  },
  {
    name: "dead-replaced-unasked",
    wrong: "where a replica is dead the new set stands alone at once, and no survivor is asked (P18)",
    edits: [
      {
        file: "src/cluster/moves.ts",
        find: "{ nodes: to.nodes, w: to.w, r: to.r, since }] };",
        replace: "{ nodes: to.nodes, w: to.w, r: to.r, since }].slice(dead.size > 0 ? 1 : 0) };",
      },
    ],
    recipe: "shrink",
    seed: 1,
  },
  {
    name: "cancelled-forward",
    wrong: "a change that is taken back leaves the new set alone, with what happens to be there already",
    edits: [
      {
        file: "src/cluster/moves.ts",
        find: "return { number: number + 1, sets: [from] };",
        replace: "return { number: number + 1, sets: [to] };",
      },
    ],
    recipe: "shrink",
    seed: 4_035,
  },
  {
    name: "drained-node-left-in-place",
    wrong: "a change under way towards a node that is to be empty is ended as if it were not",
    edits: [
      {
        file: "src/cluster/moves.ts",
        find: "if (!bereft && to.nodes.every((node) => numbers.has(node))) return [];",
        replace: "return [];",
      },
    ],
    recipe: "shrink",
    seed: 1,
  },
  {
    name: "standing-forgotten",
    wrong: "a node that is back from a restart is not drained any more",
    edits: [
      {
        file: "src/supernode/membership.ts",
        find: "return standing === Standing.REPLACED ? Standing.MEMBER : standing;",
        replace: "return standing === Standing.REPLACED ? standing : Standing.MEMBER;",
      },
    ],
    recipe: "shrink",
    seed: 1,
  },
  {
    name: "rescan-skipped-when-r-shrinks",
    wrong: "where the replicas stay nothing is carried over, though fewer are to be read, or more to be written (P16)",
    edits: [
      {
        file: "src/cluster/carrying.ts",
        find: "return joins || from.w - left < to.w || to.r < from.r;",
        replace: "return joins || left > 0;",
      },
    ],
    recipe: "quorum",
    seed: 442,
  },
  {
    name: "old-counts-while-joint",
    wrong: "while a quorum changes replicas are counted over the union of both sets, by the old W and R (P10)",
    edits: [
      {
        file: "src/register/quorum.ts",
        find: "this.#sets = configuration.sets;",
        replace:
          "this.#sets = configuration.sets.slice(0, 1).map((set) => ({ ...set, nodes: [...new Set(configuration.sets.flatMap(({ nodes }) => nodes))] }));",
      },
    ],
    recipe: "quorum",
    seed: 1,
  },
  {
    name: "quorum-in-place",
    wrong: "where the replicas stay the new quorum takes the old one's place at once, without a joint configuration (P10)",
    edits: [
      {
        file: "src/cluster/moves.ts",
        find: "return { number, sets: [survivorsOf(from, dead), { nodes: to.nodes, w: to.w, r: to.r, since }] };",
        replace:
          "return { number, sets: [from, { ...to, since }].slice(to.nodes.every((node) => from.nodes.includes(node)) ? 1 : 0) };",
      },
    ],
    recipe: "quorum",
    seed: 8,
  },
  {
    name: "flaps-not-counted",
    wrong: "a DataNode may come and go as often as it likes",
    edits: [
      {
        file: "src/cluster/steadiness.ts",
        find: "this.#flaps = this.flaps(nowMs) + 1;",
        replace: "this.#flaps = 1;",
      },
    ],
    recipe: "flap",
    seed: 1,
  },
  {
    name: "held-back-for-ever",
    wrong: "who was held back once is never counted on again",
    edits: [
      {
        file: "src/cluster/steadiness.ts",
        find: "return this.#away ? holdMs : Math.max(0, this.#backMs + holdMs - nowMs);",
        replace: "return holdMs;",
      },
    ],
    recipe: "flap",
    seed: 1,
  },
  {
    name: "moved-to-one-that-flaps",
    wrong: "partitions are moved to a DataNode that is held back",
    edits: [
      {
        file: "src/supernode/rebalancer.ts",
        find: "if (!this.#nodes.isSteady(node)) return",
        replace: "if (!this.#nodes.isUp(node)) return",
      },
    ],
    recipe: "flap",
    seed: 21,
  },
  {
    name: "refused-by-one-that-was-replaced",
    wrong: "a SuperNode that was replaced refuses members whom only its successor knows (P17)",
    edits: [
      NO_NEXT_PROMISES,
      {
        file: "src/supernode/supernode.ts",
        find: "this.#succession.claimed(request.mapGeneration, 0);",
        replace: "this.#succession.check();",
      },
      {
        file: "src/supernode/supernode.ts",
        find: 'if (codeOf(error) === "NOT_ALLOWED") await this.#succession.lookNow();',
        replace: "",
      },
    ],
    recipe: "all",
    seed: 8_010_717,
  },
  {
    name: "nowhere-and-content",
    wrong: "a DataNode that the map has elsewhere, or nowhere, does not say where it is",
    edits: [{ file: "src/datanode/membership.ts", find: "if (!leaving && this.#isTakenForMoved())", replace: "if (leaving)" }],
    recipe: "all",
    seed: 8_070_355,
  },
];
