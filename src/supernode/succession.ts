/**
 * Whether another SuperNode took this one's place (P17). One that was replaced ends: what it says would be of a map that is no longer
 * the cluster's. So does one whose memory is older than what it once issued (its directory was put back from a copy), for it would
 * issue other maps under the same numbers.
 *
 * The DataNodes say which generation they follow with every answer about their change logs, and callers with their heartbeats. That is
 * no more than a reason to look: a recovery may have been broken off, and nobody's word alone ends a SuperNode. It ends when a member
 * goes by a map of a newer generation, which nobody issues before enough of them follow it. Until then it may go on: it changes nothing
 * that the followers would take, and its listings do not count them (fence.ts).
 */
import { codeOf, QdfsError } from "../base/errors.ts";
import { nodeName } from "../base/ids.ts";
import { isNewerMap } from "../cluster/map.ts";
import { PROBE_MS } from "../limits.ts";
import type { ControlDialer, Runtime } from "../ports.ts";
import type { ClusterMap, Node } from "../wire/messages.ts";

const HOW = "`qdfs supernode --recover-from HOST:PORT[,…] --data DIR`, with an empty DIR and the addresses of DataNodes";

export class Succession {
  readonly #runtime: Runtime;
  readonly #control: ControlDialer;
  readonly #map: () => ClusterMap;
  readonly #onReplaced: (error: QdfsError) => void;
  #error: QdfsError | undefined;
  /** One look at a time serves all who want one. */
  #looking: Promise<void> | undefined;

  /** `onReplaced` is called once: this SuperNode must end. */
  constructor(runtime: Runtime, control: ControlDialer, map: () => ClusterMap, onReplaced: (error: QdfsError) => void) {
    this.#runtime = runtime;
    this.#control = control;
    this.#map = map;
    this.#onReplaced = onReplaced;
  }

  /** @throws QdfsError SUPERSEDED, DATA_DIR_UNUSABLE: this SuperNode answers nothing any more */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** A member follows this generation. */
  heard(generation: number): void {
    if (generation > this.#map().generation) void this.#look();
  }

  /**
   * A caller says that it goes by this generation and version.
   * @throws QdfsError SUPERSEDED: the caller is to turn to another
   */
  claimed(generation: number, version: number): void {
    this.check();
    const own = this.#map();
    if (!isNewerMap({ ...own, generation, version }, own)) return;
    void this.#look();
    if (generation > own.generation) throw superseded(own, generation);
  }

  /** Asks the members. @throws QdfsError as `check` */
  async lookNow(): Promise<void> {
    await this.#look();
    this.check();
  }

  #look(): Promise<void> {
    this.#looking ??= this.#askMembers().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #askMembers(): Promise<void> {
    if (this.#error !== undefined) return;
    try {
      await refuseIfReplaced(this.#runtime, this.#control, this.#map);
    } catch (error) {
      if (!(error instanceof QdfsError)) throw error;
      this.#end(error);
    }
  }

  #end(error: QdfsError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#onReplaced(error);
  }
}

function superseded({ clusterId, generation }: ClusterMap, newer: number): QdfsError {
  return new QdfsError(
    "SUPERSEDED",
    `this SuperNode was replaced: it is of generation ${generation}, and DataNodes of cluster ${clusterId} follow generation ${newer}. Go on with the newer one; if there is none, make one: ${HOW}`,
    { clusterId, generation, newerGeneration: newer },
  );
}

function outdated({ clusterId, version }: ClusterMap, newer: number): QdfsError {
  return new QdfsError(
    "DATA_DIR_UNUSABLE",
    `this SuperNode's directory is an older copy: its map ends at version ${version}, and DataNodes of cluster ${clusterId} have version ${newer}. It would issue other maps under the same numbers; make a new SuperNode instead: ${HOW}`,
    { clusterId, version, newerVersion: newer },
  );
}

/**
 * Asks every member of the map what it goes by; waits for answers for PROBE_MS at most. When none answers, that is taken for a
 * cluster that is just starting.
 * @throws QdfsError SUPERSEDED, DATA_DIR_UNUSABLE
 */
export async function refuseIfReplaced(runtime: Runtime, control: ControlDialer, own: () => ClusterMap): Promise<void> {
  const late = new Promise<undefined>((resolve) => runtime.timers.after(PROBE_MS, () => resolve(undefined)));
  const asked = own().nodes.map((node) => Promise.race([mapAt(runtime, control, node), late]));
  for (const map of await Promise.all(asked)) {
    const { clusterId, generation, version } = own();
    if (map === undefined || map.clusterId !== clusterId) continue; // others may have come to live there
    if (map.generation > generation) throw superseded(own(), map.generation);
    if (map.generation === generation && map.version > version) throw outdated(own(), map.version);
  }
}

async function mapAt(runtime: Runtime, control: ControlDialer, { number, grpc }: Node): Promise<ClusterMap | undefined> {
  const connection = control.connect(grpc);
  try {
    return (await connection.getMap()).map;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    runtime.log.debug(`${nodeName(number)} does not say what it goes by`, { error });
    return undefined;
  } finally {
    connection.close();
  }
}
