/** A client process of `qdfs bench --procs K`: it makes its share of the load, as the parent says, and ends with the parent. */
import { createInterface } from "node:readline";
import { Exit } from "../../base/errors.ts";
import type { FleetJob } from "../../bench/fleet.ts";
import { runLoad } from "../../bench/load.ts";
import { Operations } from "../../bench/operations.ts";
import type { Share } from "../../bench/share.ts";
import { Values } from "../../bench/values.ts";
import type { Client } from "../../client/connect.ts";
import type { Runtime } from "../../ports.ts";
import { benchTargetOf } from "../bench-target.ts";
import type { Output } from "../output.ts";
import { Recorder } from "./records.ts";
import { type ChildWord, parentWord, RECORD_DESCRIPTOR } from "./words.ts";

interface Job {
  readonly job: FleetJob;
  readonly share: Share;
}

/** What the parent has said so far. */
export class Parent {
  readonly #job = Promise.withResolvers<Job>();
  readonly #startMs = Promise.withResolvers<number>();
  stopped = false;

  /** Listens from now on; the parent's end is this process's. */
  constructor(say: (word: ChildWord) => void, runtime: Runtime) {
    const lines = createInterface({ input: process.stdin });
    lines.on("line", (line) => {
      const said = parentWord(line);
      if (said.word === "clock") say({ word: "clock", nowMs: runtime.clock.monotonicMs() });
      else if (said.word === "job") this.#job.resolve(said);
      else if (said.word === "start") this.#startMs.resolve(said.atMs);
      else this.stopped = true;
    });
    const orphaned = () => process.exit(Exit.INTERRUPTED);
    lines.on("close", orphaned);
    process.stdin.on("error", orphaned);
  }

  get job(): Promise<Job> {
    return this.#job.promise;
  }

  get startMs(): Promise<number> {
    return this.#startMs.promise;
  }
}

/** Makes one share of the load over a client that is connected. */
export async function serveParent(parent: Parent, client: Client, runtime: Runtime, output: Output): Promise<Exit> {
  const say = (word: ChildWord) => output.row(word);
  const { job, share } = await parent.job;
  const { plan, directory, nodes, block, record } = job;
  const recorder = record === "nothing" ? undefined : new Recorder(RECORD_DESCRIPTOR, record === "operations and listings");
  // The parent is one more that makes contents: it writes the files of the preload.
  const values = new Values(plan.sizes, block, { index: share.index, of: share.of + 1 });
  const target = benchTargetOf(client);
  const operations = new Operations({ target, plan, runtime, directory, nodes, values, share, originMs: 0, observer: recorder });
  say({ word: "ready" });
  const startMs = await parent.startMs;
  const endMs = await runLoad({
    plan,
    share,
    operations,
    nodes,
    runtime,
    startMs,
    emit: (index, tally, whole) => say({ word: "interval", index, tally: tally.wire(), whole }),
    stopped: () => parent.stopped,
  });
  recorder?.flush();
  say({ word: "done", endMs, found: [...operations.found] });
  return Exit.DONE;
}
