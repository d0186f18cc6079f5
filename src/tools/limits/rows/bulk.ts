/** One large file, there and back, against the limit; and the memory that its client takes. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { checksumOfFile, writeRandomFile } from "../../file-trees.ts";
import { BulkLimit } from "../bulk-limit.ts";
import { type Experiment, inTurn } from "../experiment.ts";
import type { Lab } from "../lab.ts";
import { peakMibOf } from "../processes.ts";
import type { Product } from "../product.ts";

const GIB = 2 ** 30;
const SIZE_BYTES = GIB;
const LARGE_BYTES = 10 * GIB;
const TARGET = 0.8;
const CLIENT_MIB_MAX = 200;

/** Where large files go, theirs and ours. */
interface Bench {
  readonly product: Product;
  /** As a user's: it has SIZE_BYTES, and the product holds it as STORED. */
  readonly file: string;
  readonly limit: BulkLimit;
}

const STORED = "/large.bin";

export function bulkExperiments(lab: Lab): readonly Experiment[] {
  let started: Promise<Bench> | undefined;
  /** One for all of them, for most of the time goes into making it; it ends with the lab. */
  const bench = () => {
    started ??= start(lab);
    return started;
  };
  return [puts(bench), gets(lab, bench), ...(lab.flags.large ? [largePut(lab)] : [])];
}

async function start(lab: Lab): Promise<Bench> {
  const file = join(lab.dir, "large.bin");
  writeRandomFile(file, SIZE_BYTES);
  const product = await lab.start("bulk");
  const limit = new BulkLimit(file, SIZE_BYTES, (receiver) => lab.directory(`bulk-${receiver}`));
  lab.endLater(() => limit.stop());
  await limit.start();
  await product.run("put", file, STORED, "-q");
  return { product, file, limit };
}

/** MiB per second, from the start of the command to its end, and the most memory that it had. */
async function timedPut(product: Product, file: string, sizeBytes: number, path: string) {
  const beganMs = performance.now();
  const child = product.spawn("put", file, path, "-q");
  const peakMib = await peakMibOf(child);
  if (child.exitCode !== 0) throw new Error(`qdfs put: exit ${child.exitCode}`);
  return { mibPerSec: (sizeBytes / 2 ** 20 / (performance.now() - beganMs)) * 1000, peakMib };
}

function puts(bench: () => Promise<Bench>): Experiment {
  let way: Awaited<ReturnType<BulkLimit["bestPutWay"]>> = "streamed";
  return {
    rows: [
      { name: "put 1 GiB", unit: "MiB/s, limit", target: TARGET, lowerIsBetter: false },
      { name: "put 1 GiB against transfers past the page cache", unit: "MiB/s, limit", target: null, lowerIsBetter: false },
      { name: "memory: client that puts 1 GiB", unit: "MiB, bound", target: 1, lowerIsBetter: true, summary: "worst" },
    ],
    prepare: async () => {
      way = await (await bench()).limit.bestPutWay();
    },
    round: async (index) => {
      const { product, file, limit } = await bench();
      const [ours, [reference, direct]] = await inTurn(
        index,
        () => timedPut(product, file, SIZE_BYTES, `/large-${index}.bin`),
        async () => [await limit.put(way), await limit.put("direct")] as const,
      );
      return [
        { ours: ours.mibPerSec, reference },
        { ours: ours.mibPerSec, reference: direct },
        { ours: ours.peakMib, reference: CLIENT_MIB_MAX },
      ];
    },
  };
}

function gets(lab: Lab, bench: () => Promise<Bench>): Experiment {
  const target = join(lab.dir, "large.back");
  let ways: readonly Awaited<ReturnType<BulkLimit["bestGetWay"]>>[] = [];
  const toFile = async (product: Product) => {
    rmSync(target, { force: true });
    return await rateOf(() => product.run("get", STORED, target, "-q"));
  };
  return {
    rows: [
      { name: "get 1 GiB to a file", unit: "MiB/s, limit", target: TARGET, lowerIsBetter: false },
      { name: "get 1 GiB to nowhere", unit: "MiB/s, limit", target: TARGET, lowerIsBetter: false },
    ],
    prepare: async () => {
      const { product, file, limit } = await bench();
      await toFile(product);
      if ((await checksumOfFile(target)) !== (await checksumOfFile(file))) throw new Error("what came back differs");
      await limit.put("pooled");
      ways = [await limit.bestGetWay(target), await limit.bestGetWay(undefined)];
    },
    round: async (index) => {
      const { product, limit } = await bench();
      const [fileWay = "block", nowhereWay = "block"] = ways;
      const [fileOurs, fileLimit] = await inTurn(
        index,
        () => toFile(product),
        () => limit.get(fileWay, target),
      );
      const [nowhereOurs, nowhereLimit] = await inTurn(
        index,
        () => rateOf(() => discarded(product)),
        () => limit.get(nowhereWay, undefined),
      );
      return [
        { ours: fileOurs, reference: fileLimit },
        { ours: nowhereOurs, reference: nowhereLimit },
      ];
    },
    finish: async () => rmSync(target, { force: true }),
  };
}

/** The 10 GiB of the promise; on a cluster of its own, which is gone afterwards with its 30 GB. */
function largePut(lab: Lab): Experiment {
  const file = join(lab.dir, "larger.bin");
  return {
    rows: [{ name: "memory: client that puts 10 GiB", unit: "MiB, bound", target: 1, lowerIsBetter: true }],
    rounds: 1,
    round: async () => {
      writeRandomFile(file, LARGE_BYTES);
      const product = await lab.start("bulk-large");
      try {
        const { peakMib } = await timedPut(product, file, LARGE_BYTES, "/larger.bin");
        return [{ ours: peakMib, reference: CLIENT_MIB_MAX }];
      } finally {
        await product.stop();
        rmSync(file, { force: true });
      }
    },
  };
}

/** As `qdfs cat PATH >/dev/null`: verified, and thrown away. */
async function discarded(product: Product): Promise<void> {
  const child = product.spawn("cat", STORED);
  await child.exited;
  if (child.exitCode !== 0) throw new Error(`qdfs cat: exit ${child.exitCode}`);
}

/** MiB per second of a transfer of SIZE_BYTES. */
async function rateOf(transfer: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await transfer();
  return (SIZE_BYTES / 2 ** 20 / (performance.now() - beganMs)) * 1000;
}
