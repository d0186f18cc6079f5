/** What Linux says of a process's memory, MiB. Elsewhere there is nothing to be measured. */
import { readFileSync } from "node:fs";

const KIB_PER_MIB = 1024;
const POLL_MS = 20;

function field(pid: number, file: "status" | "smaps_rollup", name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/${file}`, "utf8"));
  if (found?.[1] === undefined) throw new Error(`/proc/${pid}/${file} has no ${name}`);
  return Number(found[1]) / KIB_PER_MIB;
}

export function residentMib(pid: number): number {
  return field(pid, "status", "VmRSS");
}

/** What it shares with others counts in proportion: the sum over processes is what they take together. */
export function proportionalMib(pid: number): number {
  return field(pid, "smaps_rollup", "Pss");
}

/** Resolves when the process has ended, with the most that it ever had resident. */
export async function peakMibOf(child: Bun.Subprocess): Promise<number> {
  let peakMib = 0;
  while (child.exitCode === null && child.signalCode === null) {
    try {
      peakMib = field(child.pid, "status", "VmHWM");
    } catch {
      break; // it has just ended: its memory is gone
    }
    await Bun.sleep(POLL_MS);
  }
  await child.exited;
  return peakMib;
}
