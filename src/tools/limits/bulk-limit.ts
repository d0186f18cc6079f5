/** The limit of bulk transfers: the same bytes over the same loopback with no protocol (../limits/bulk), as processes. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BLOCK_BYTES } from "./bulk/blocks.ts";
import { runScript, type Served, serveScript } from "./scripts.ts";

const RECEIVERS = 3;
/** How a receiver stores a body through the page cache; the best of them is the limit. */
const PUT_WAYS = ["streamed", "segment", "pooled"] as const;
/** Or past it. */
type PutWay = (typeof PUT_WAYS)[number] | "direct";
/** One response with all bytes; a block at a time, a few ahead. */
const GET_WAYS = ["whole", "block"] as const;
type GetWay = (typeof GET_WAYS)[number];

interface Rate {
  readonly mibPerSec: number;
}

export class BulkLimit {
  readonly #file: string;
  readonly #sizeBytes: number;
  readonly #directories: readonly string[];
  readonly #receivers: Served<{ readonly port: number }>[] = [];

  /** `file`: the bytes; `directories`: where the three receivers store them. */
  constructor(file: string, sizeBytes: number, directory: (name: string) => string) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#directories = Array.from({ length: RECEIVERS }, (_, index) => directory(`receiver-${index + 1}`));
  }

  async start(): Promise<void> {
    for (const dir of this.#directories) this.#receivers.push(await serveScript("bulk/receiver.ts", [dir, this.#file]));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#receivers.map((receiver) => receiver.stop()));
  }

  /** The way that stored fastest of all, in a run of each. */
  async bestPutWay(): Promise<PutWay> {
    return await best(PUT_WAYS, (way) => this.put(way));
  }

  async bestGetWay(target: string | undefined): Promise<GetWay> {
    return await best(GET_WAYS, (way) => this.get(way, target));
  }

  /** MiB per second. What the run before stored is removed first, unless the receivers hold it open. */
  async put(way: PutWay): Promise<number> {
    for (const dir of this.#directories) {
      for (const name of readdirSync(dir)) if (name !== "segment") rmSync(join(dir, name));
    }
    const ports = this.#receivers.map(({ ready }) => ready.port).join(",");
    return (await runScript<Rate>("bulk/sender.ts", ["put", way, ports, this.#file])).mibPerSec;
  }

  /** MiB per second, into the file or nowhere; `block` needs what was put in files of their own. */
  async get(way: GetWay, target: string | undefined): Promise<number> {
    const blocks = Math.ceil(this.#sizeBytes / BLOCK_BYTES);
    const port = this.#receivers[0]?.ready.port ?? 0;
    if (target !== undefined) rmSync(target, { force: true });
    const args = ["get", way, port, blocks, ...(target === undefined ? [] : [target])];
    return (await runScript<Rate>("bulk/sender.ts", args)).mibPerSec;
  }
}

async function best<Way>(ways: readonly Way[], measure: (way: Way) => Promise<number>): Promise<Way> {
  const rates: { readonly way: Way; readonly rate: number }[] = [];
  for (const way of ways) rates.push({ way, rate: await measure(way) });
  const [first] = rates.sort((a, b) => b.rate - a.rate);
  if (first === undefined) throw new Error("no way to measure");
  return first.way;
}
