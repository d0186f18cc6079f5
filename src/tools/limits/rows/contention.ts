/** Many at once: client processes, writers of one file, reads beside writes. */

import type { BenchRates } from "../../bench-rates.ts";
import { type Experiment, inTurn } from "../experiment.ts";
import type { Lab } from "../lab.ts";
import { benchFlags } from "./floor.ts";

const PROCESSES = 16;
const IN_FLIGHT_EACH = 4;
/** Sixteen compilers share the cores until they have seen the path; one has them for itself. */
const warmUpMsOf = (processes: number) => (processes === 1 ? 2000 : 8000);
const PROCESSES_MS = 1500;
const WRITERS = 64;
const WARM_UP_MS = 1000;
const SPAN_MS = 1500;

export function contentionExperiments(lab: Lab): readonly Experiment[] {
  return [manyProcesses(lab), oneFile(lab), readsBesideWrites(lab)];
}

function totalPerSec({ operations }: BenchRates): number {
  return operations.put.perSec + operations.get.perSec;
}

function manyProcesses(lab: Lab): Experiment {
  const run = async (processes: number) => {
    const load = ["--mix", "balanced", "--clients", String(PROCESSES), "--in-flight", String(IN_FLIGHT_EACH)];
    const spans = ["--warm-up", `${warmUpMsOf(processes)}ms`, "--duration", `${PROCESSES_MS}ms`];
    return totalPerSec(await (await lab.product()).bench(...load, ...spans, "--procs", String(processes)));
  };
  return {
    rows: [{ name: "16 client processes x 4 balanced", unit: "1/s, one process", target: 0.8, lowerIsBetter: false }],
    prepare: async () => void (await lab.product()),
    round: async (index) => {
      const [ours, reference] = await inTurn(
        index,
        () => run(PROCESSES),
        () => run(1),
      );
      return [{ ours, reference }];
    },
  };
}

function oneFile(lab: Lab): Experiment {
  const run = async (files: number) => {
    const load = ["--only", "put", "--clients", String(WRITERS), "--files", String(files)];
    const spans = ["--warm-up", `${WARM_UP_MS}ms`, "--duration", `${SPAN_MS}ms`];
    return (await (await lab.product()).bench(...load, ...spans)).operations.put;
  };
  return {
    rows: [
      { name: "64 writers on one file", unit: "1/s, different files", target: 0.3, lowerIsBetter: false },
      { name: "64 writers on one file: the longest put", unit: "ms, their median", target: 20, lowerIsBetter: true },
    ],
    prepare: async () => void (await lab.product()),
    round: async (index) => {
      const [one, different] = await inTurn(
        index,
        () => run(1),
        () => run(1_000_000),
      );
      return [
        { ours: one.perSec, reference: different.perSec },
        { ours: one.maxMs, reference: one.p50Ms },
      ];
    },
  };
}

function readsBesideWrites(lab: Lab): Experiment {
  const read = async () => {
    const product = await lab.product();
    return (await product.bench(...benchFlags("get", 4096, 1, WARM_UP_MS, SPAN_MS), "--files", "500")).operations.get.p99Ms;
  };
  const beside = async () => {
    const product = await lab.product();
    const writers = product.spawn(...["bench", ...benchFlags("put", 4096, 256, WARM_UP_MS, 60_000), "--files", "1000000", "-q"]);
    try {
      await Bun.sleep(SPAN_MS / 2);
      return await read();
    } finally {
      writers.kill("SIGKILL");
      await writers.exited;
    }
  };
  return {
    rows: [{ name: "get 4 KiB x 1 p99 under full write load", unit: "ms, without", target: 3, lowerIsBetter: true }],
    prepare: async () => void (await lab.product()),
    round: async (index) => {
      const [ours, reference] = await inTurn(index, beside, read);
      return [{ ours, reference }];
    },
  };
}
