/** What the doctor says: what is wrong, how bad that is, and what mends it. */
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { DOCTOR_EXAMPLES_MAX } from "../tool-limits.ts";

/**
 * `critical`: files cannot be read or written now, or the last copy may go with the next death. `warning`: something is not as it should be,
 * and nobody notices yet. `note`: worth knowing; nothing is wrong.
 */
export type Severity = "critical" | "warning" | "note";

export const SEVERITIES: readonly Severity[] = ["critical", "warning", "note"];

export interface Finding {
  /** What kind of thing it is, for scripts: `node-down`, `below-n`, … */
  readonly kind: string;
  readonly severity: Severity;
  /** In a sentence. */
  readonly what: string;
  /** Of how many things, and some of them: files, partitions, nodes. */
  readonly count: number;
  readonly examples: readonly string[];
  /** Commands to type, in order; DIR and the like stand for what only the operator knows. */
  readonly mend: readonly string[];
}

interface Rest {
  readonly count?: number;
  readonly examples?: readonly string[];
  readonly mend?: readonly string[];
}

export function finding(kind: string, severity: Severity, what: string, rest: Rest = {}): Finding {
  const { examples = [], mend = [], count = Math.max(1, examples.length) } = rest;
  return { kind, severity, what, count, examples: examples.slice(0, DOCTOR_EXAMPLES_MAX), mend };
}

/** `dn-1 and dn-2`, `dn-1, dn-2 and dn-3`. */
export function nodeList(nodes: Iterable<NodeNumber>): string {
  const names = [...nodes].toSorted((a, b) => a - b).map(nodeName);
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** How a server's process is begun again; its data directory is known to its operator alone. */
export function restart(role: "datanode" | "supernode", address: string, superNodes: readonly string[]): string {
  const port = address.split(":").at(-1) ?? "";
  const to = role === "datanode" ? ` --supernode ${superNodes.join(",")}` : "";
  return `qdfs ${role} --port ${port} --data DIR${to}`;
}
