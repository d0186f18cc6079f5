/** What an idle cluster takes. */
import type { Experiment } from "../experiment.ts";
import type { Lab } from "../lab.ts";
import { proportionalMib, residentMib } from "../processes.ts";

const IDLE_MS = 3000;

export function memoryExperiments(lab: Lab): readonly Experiment[] {
  return [
    {
      rows: [
        { name: "memory: idle up resident", unit: "MiB, 4 processes", target: null, lowerIsBetter: true },
        { name: "memory: idle up proportional", unit: "MiB, 4 processes", target: null, lowerIsBetter: true },
      ],
      rounds: 1,
      ...(process.platform === "linux" ? {} : { notNow: "needs Linux's /proc" }),
      round: async () => {
        const product = await lab.start("idle");
        try {
          await Bun.sleep(IDLE_MS);
          const pids = product.processes.map(({ pid }) => pid);
          const sum = (of: (pid: number) => number) => pids.reduce((total, pid) => total + of(pid), 0);
          return [
            { ours: sum(residentMib), reference: null },
            { ours: sum(proportionalMib), reference: null },
          ];
        } finally {
          await product.stop();
        }
      },
    },
  ];
}
