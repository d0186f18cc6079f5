/** From facts to findings: what is wrong, worst first. Pure: the same facts give the same findings. */
import { changeFindings } from "./changes.ts";
import { copyFindings } from "./copies.ts";
import type { Facts } from "./facts.ts";
import { type Finding, SEVERITIES } from "./finding.ts";
import { serverFindings } from "./servers.ts";
import { storageFindings } from "./storage.ts";

export function diagnose(facts: Facts): readonly Finding[] {
  const all = [...copyFindings(facts), ...serverFindings(facts), ...storageFindings(facts), ...changeFindings(facts)];
  return all.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

/** Nothing is wrong: there are notes at most. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity === "note");
}
