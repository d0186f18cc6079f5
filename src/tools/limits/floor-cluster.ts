/** Three nodes of the floor, as processes; what a client of it measures. */
import { runScript, type Served, serveScript } from "./scripts.ts";

export interface FloorRates {
  readonly putsPerSec: number;
  readonly getsPerSec: number;
}

export interface FloorLoad {
  readonly sizeBytes: number;
  readonly inFlight: number;
  readonly putMs: number;
  readonly getMs: number;
}

const NODES = 3;
const WARM_UP: FloorLoad = { sizeBytes: 4096, inFlight: 64, putMs: 3000, getMs: 2000 };

export class FloorCluster {
  readonly #directory: (name: string) => string;
  readonly #nodes: Served<{ readonly port: number }>[] = [];

  constructor(directory: (name: string) => string) {
    this.#directory = directory;
  }

  /** Resolves when it serves and is warm. */
  async start(): Promise<void> {
    for (let node = 1; node <= NODES; node++) {
      this.#nodes.push(await serveScript("floor/node.ts", [this.#directory(`floor-${node}`)]));
    }
    await this.measure(WARM_UP);
  }

  /** Puts of new files, then gets of those. */
  async measure({ sizeBytes, inFlight, putMs, getMs }: FloorLoad): Promise<FloorRates> {
    const ports = this.#nodes.map(({ ready }) => ready.port).join(",");
    return await runScript("floor/client.ts", [ports, sizeBytes, inFlight, putMs, getMs]);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
  }
}
