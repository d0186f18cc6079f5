/** What the experiments share: a directory on a real disk, the executable, one warm cluster of each kind. Nothing outlives it. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Flags } from "./flags.ts";
import { FloorCluster } from "./floor-cluster.ts";
import { Product } from "./product.ts";

export class Lab {
  readonly binary: string;
  readonly flags: Flags;
  readonly dir: string;
  readonly #closing: (() => Promise<void>)[] = [];
  #product: Promise<Product> | undefined;
  #floor: Promise<FloorCluster> | undefined;

  constructor(binary: string, flags: Flags) {
    this.binary = binary;
    this.flags = flags;
    this.dir = mkdtempSync(join(tmpdir(), "qdfs-limits-"));
    process.on("exit", () => rmSync(this.dir, { recursive: true, force: true }));
  }

  /** A new directory of that name. */
  directory(name: string): string {
    const path = join(this.dir, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** The warm cluster that experiments with small files share. */
  product(): Promise<Product> {
    this.#product ??= this.start("product").then(async (product) => {
      await product.warmUp();
      return product;
    });
    return this.#product;
  }

  /** A cluster of one's own, cold and empty; to be stopped by who asked for it, and in any case with the lab. */
  async start(name: string): Promise<Product> {
    const product = new Product(this.binary, this.directory(name));
    this.endLater(() => product.stop());
    await product.start();
    return product;
  }

  floor(): Promise<FloorCluster> {
    this.#floor ??= (async () => {
      const floor = new FloorCluster((name) => this.directory(name));
      this.endLater(() => floor.stop());
      await floor.start();
      return floor;
    })();
    return this.#floor;
  }

  /** Called when the lab closes, whatever happened: it must bear being called twice. */
  endLater(close: () => Promise<void>): void {
    this.#closing.push(close);
  }

  /** Ends every process and removes every file. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#closing.map((close) => close()));
    rmSync(this.dir, { recursive: true, force: true });
  }
}
