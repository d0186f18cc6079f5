/** The client processes of `qdfs bench --procs K`: children of this executable that end with it, however it ends. */
import { QdfsError } from "../../base/errors.ts";
import type { Fleet, FleetJob } from "../../bench/fleet.ts";
import type { Clock } from "../../ports.ts";
import { BENCH_PROCESS_START_MS } from "../../tool-limits.ts";
import { BenchChild } from "./child-process.ts";
import { closeAll, namelessFile, replay } from "./records.ts";

export interface FleetOptions {
  /** Flags that go to every process: where the cluster is. */
  readonly args: readonly string[];
  readonly clock: Clock;
  readonly say: (text: string) => void;
  /** For those who ask for it. */
  readonly explain: (text: string) => void;
}

/**
 * Starts them all; resolves when all are connected and their clocks compared.
 * @throws QdfsError what the first one that failed said; DEADLINE when they take longer than BENCH_PROCESS_START_MS
 */
export async function startFleet(job: FleetJob, options: FleetOptions): Promise<Fleet> {
  const of = job.plan.procs;
  const records: number[] = [];
  const children: BenchChild[] = [];
  const close = async () => {
    await Promise.all(children.map((child) => child.end()));
    closeAll(records.splice(0));
  };
  try {
    for (let index = 0; index < of; index++) {
      const record = job.record === "nothing" ? undefined : namelessFile();
      if (record !== undefined) records.push(record);
      children.push(new BenchChild({ ...options, job, share: { index, of }, record }));
    }
    await inTime(Promise.all(children.map((child) => child.ready)));
    // One after the other, so that they do not keep each other waiting.
    for (const child of children) await child.compareClocks();
    const widthMs = Math.max(...children.map((child) => child.clock.widthMs));
    options.explain(`the clocks of ${of} client processes are compared, to within ${widthMs.toFixed(3)} ms`);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    processes: children,
    replay: (observer, originMs) =>
      replay(
        records.flatMap((descriptor, index) => {
          const clock = children[index]?.clock;
          return clock === undefined ? [] : [{ descriptor, clock }];
        }),
        observer,
        originMs,
      ),
    close,
  };
}

async function inTime(ready: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new QdfsError("DEADLINE", `the client processes are not ready after ${BENCH_PROCESS_START_MS / 1000} s`);
    timer = setTimeout(() => reject(error), BENCH_PROCESS_START_MS);
  });
  try {
    await Promise.race([ready, late]);
  } finally {
    clearTimeout(timer);
  }
}
