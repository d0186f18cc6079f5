/** One run of `qdfs chaos` in a directory of its own: processes, clients, the history on disk; and the end of all of it. */
import { join } from "node:path";
import { codeOf, QdfsError } from "../../base/errors.ts";
import { formatDuration } from "../../base/units.ts";
import { whole } from "../../chaos/final.ts";
import type { ChaosPlan } from "../../chaos/plan.ts";
import { type ChaosResult, runChaos } from "../../chaos/run.ts";
import { historyLine } from "../../check/history-file.ts";
import { type Client, connect } from "../../client/connect.ts";
import { CLUSTER_START_MS } from "../../limits.ts";
import { realRuntime } from "../../runtime/runtime.ts";
import { seededRandom } from "../../runtime/seeded-random.ts";
import { LineFile } from "../line-file.ts";
import { ProcessCluster } from "./process-cluster.ts";

/** Several clients, with counters and connections of their own. */
const CLIENTS = 2;
/** An operation that faults hold up ends after this long, and another one tries its luck. */
const OPERATION_MS = 8_000;

export const HISTORY_FILE = "history.ndjson";
const SERVERS_FILE = "servers.log";

export class ChaosRun {
  readonly #plan: ChaosPlan;
  readonly #timeline: (line: string) => void;
  readonly #history: LineFile;
  readonly #servers: LineFile;
  readonly #cluster: ProcessCluster;
  readonly #startedMs = performance.now();
  #stopped = false;

  /** `dir` exists and is empty; `timeline` takes what happens, in words. @throws QdfsError LOCAL_FILE */
  constructor(dir: string, plan: ChaosPlan, timeline: (line: string) => void) {
    this.#plan = plan;
    this.#timeline = timeline;
    this.#history = new LineFile(join(dir, HISTORY_FILE));
    this.#servers = new LineFile(join(dir, SERVERS_FILE));
    const { nodes, quorum, faults } = plan;
    this.#cluster = new ProcessCluster({
      dir,
      nodes,
      quorum,
      wantsSmallDisk: faults.includes("disk-full"),
      log: (line) => this.#servers.write(`${this.#elapsed()}  ${line}`),
    });
  }

  /** Ends the run early, with a verdict on what there is. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Starts everything, runs, ends everything but the files.
   * @throws QdfsError what kept the cluster from starting, BAD_USAGE
   */
  async run(): Promise<ChaosResult> {
    const clients: Client[] = [];
    try {
      await this.#cluster.startAll();
      const { addresses, noSmallDisk, clientRuntime: runtime } = this.#cluster;
      if (noSmallDisk !== "" && this.#plan.faults.includes("disk-full")) this.#say(`no disk can be filled here: ${noSmallDisk}`);
      for (let index = 0; index < CLIENTS; index++)
        clients.push(await connect({ addresses, cacheDir: null, timeoutMs: OPERATION_MS, runtime }));
      const [first, ...others] = clients;
      if (first === undefined) throw new QdfsError("BUG", "a run has clients");
      await this.#serving(first);
      this.#say(`1 SuperNode and ${this.#plan.nodes} DataNodes serve, ${this.#cluster.networkWords}; seed ${this.#plan.seed}`);
      return await runChaos(this.#plan, {
        cluster: this.#cluster,
        clients: [first, ...others],
        runtime: realRuntime("quiet"),
        seeded: seededRandom,
        keep: (recorded) => this.#history.write(historyLine(recorded)),
        failed: (text) => this.#servers.write(`${this.#elapsed()}  ${text}`),
        say: (text) => this.#say(text),
        stopped: () => this.#stopped,
        incidents: () => this.#cluster.incidents,
      });
    } finally {
      await Promise.all(clients.map((client) => client.close().catch(ignoreOperatingFailure)));
      await this.#cluster.stop();
      this.#history.close();
      this.#servers.close();
    }
  }

  /** What lay on the small disk goes with it. */
  [Symbol.dispose](): void {
    this.#cluster.unmount();
  }

  async #serving(client: Client): Promise<void> {
    const wrong = await whole(client, realRuntime("quiet"), CLUSTER_START_MS);
    if (wrong !== undefined)
      throw new QdfsError("CLUSTER_WAITING", `the cluster does not serve after ${CLUSTER_START_MS / 1000} s: ${wrong}`);
  }

  #say(text: string): void {
    const line = `${this.#elapsed()}  ${text}`;
    this.#servers.write(line);
    this.#timeline(line);
  }

  #elapsed(): string {
    return formatDuration(performance.now() - this.#startedMs).padStart(12);
  }
}

function ignoreOperatingFailure(error: unknown): void {
  if (codeOf(error) === undefined) throw error;
}
