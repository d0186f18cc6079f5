/** One row for each server, whatever is wrong: how it stands, and what its death would cost. */
import { nodeName } from "../base/ids.ts";
import { formatCount } from "../base/units.ts";
import { NodeState } from "../wire/messages.ts";
import { type Exposure, exposures } from "./exposure.ts";
import { answering, type Facts, type ServerFacts } from "./facts.ts";

export interface HealthRow {
  readonly id: string;
  readonly state: string;
  /** Null: not known, here and below. */
  readonly version: string | null;
  /** How far its clock is ahead of the one here, and how far off that may be. */
  readonly clockAheadMs: number | null;
  readonly clockErrorMs: number | null;
  readonly mapVersion: number | null;
  readonly usedBytes: number | null;
  readonly capacityBytes: number | null;
  readonly freeBytes: number | null;
  /** Partitions that its death would add to those that are so already; writes and copies lost if it never came back. */
  readonly ifItDied: {
    readonly unreadable: number;
    readonly unwritable: number;
    readonly mayLose: number;
    readonly lost: number;
    readonly words: string;
  };
}

const NOTHING = { unreadable: 0, unwritable: 0, mayLose: 0, lost: 0 };
const STATE_NAMES: Readonly<Record<NodeState, string>> = {
  [NodeState.UP]: "up",
  [NodeState.SUSPECT]: "suspect",
  [NodeState.DOWN]: "down",
};

export function healthRows(facts: Facts): readonly HealthRow[] {
  const byNode = new Map(exposures(facts.map, answering(facts)).map((exposure) => [exposure.node, exposure]));
  const superNodes = facts.superNodes.map((server) => ({
    id: server.name,
    state: typeof server.answer === "string" ? "no answer" : "up",
    ...spoken(server),
    usedBytes: null,
    capacityBytes: null,
    freeBytes: null,
    ifItDied: { ...NOTHING, words: "none; no listings meanwhile" },
  }));
  const nodes = [...facts.nodes].map(([number, server]) => {
    const status = facts.status?.nodes.find(({ node }) => node.number === number);
    const exposure = byNode.get(number);
    const known = status !== undefined && status.version !== "";
    return {
      id: nodeName(number),
      state: stateWords(server, status?.node.state),
      ...spoken(server),
      usedBytes: known ? status.usedBytes : null,
      capacityBytes: known ? status.capacityBytes : null,
      freeBytes: known ? status.freeBytes : null,
      ifItDied:
        exposure === undefined
          ? { ...NOTHING, words: "-" }
          : {
              unreadable: exposure.unreadable.length,
              unwritable: exposure.unwritable.length,
              mayLose: exposure.mayLose.length,
              lost: exposure.lost.length,
              words: shortWords(exposure),
            },
    };
  });
  return [...superNodes, ...nodes];
}

/** In partitions; the findings say it in full. */
function shortWords({ unreadable, unwritable, mayLose, lost }: Exposure): string {
  const parts = [
    [lost, "lost"],
    [unreadable, "unreadable"],
    [unwritable, "unwritable"],
    [mayLose, "may lose writes"],
  ] as const;
  const words = parts.flatMap(([partitions, what]) =>
    partitions.length > 0 ? [`${formatCount(partitions.length)} ${what}`] : [],
  );
  return words.join(", ") || "nothing but redundancy";
}

function stateWords({ answer }: ServerFacts, state: NodeState | undefined): string {
  const word = state === undefined ? undefined : STATE_NAMES[state];
  if (typeof answer !== "string") return word ?? "answers";
  return state === NodeState.UP ? "no answer" : (word ?? "no answer");
}

function spoken({ answer }: ServerFacts) {
  if (typeof answer === "string") return { version: null, clockAheadMs: null, clockErrorMs: null, mapVersion: null };
  const { version, mapVersion } = answer;
  return { version, mapVersion, clockAheadMs: rounded(answer.clockAheadMs), clockErrorMs: rounded(answer.clockErrorMs) };
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
