/** A bench that runs beside what a tool does to its cluster. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { endWithThisProcess } from "./children.ts";
import type { LocalCluster } from "./local-cluster.ts";
import type { LoadResult } from "./timeline.ts";

export interface BackgroundLoad {
  /** `performance.now()` when its clock began to run. */
  readonly beganMs: number;
  /** Stops it, and resolves with what it measured so far. */
  end(): Promise<LoadResult>;
}

/** What the first line of progress tells of. */
const FIRST_LINE_MS = 1000;

/** Runs `qdfs bench` with these flags until it is ended; resolves when its files are written and the clock runs. @throws Error it ended by itself */
export async function startLoad(cluster: LocalCluster, flags: readonly string[]): Promise<BackgroundLoad> {
  const [out, err] = [join(cluster.dir, "load.out"), join(cluster.dir, "load.err")];
  const said = () => readFileSync(err, "utf8");
  const child = Bun.spawn([cluster.binary, "bench", ...flags, "--duration", "1h", "--json", "--verbose"], {
    stdin: "ignore",
    stdout: Bun.file(out),
    stderr: Bun.file(err),
    env: cluster.env,
  });
  endWithThisProcess(child);
  while (!/^\s*\d+ ?s/m.test(said())) {
    if (child.exitCode !== null) throw new Error(`the load ended: ${said().slice(-600)}`);
    await Bun.sleep(100);
  }
  return {
    beganMs: performance.now() - FIRST_LINE_MS,
    end: async () => {
      child.kill("SIGINT"); // the result so far
      await child.exited;
      const line = readFileSync(out, "utf8").split("\n").find(Boolean);
      if (line === undefined) throw new Error(`the load has no result: ${said().slice(-600)}`);
      return JSON.parse(line);
    },
  };
}
