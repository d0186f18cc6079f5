/** What a million files cost: listing, stat, puts, gets, memory; against a cluster with a thousand. */
import { type Experiment, inTurn, type Row } from "../experiment.ts";
import type { Lab } from "../lab.ts";
import { libraryRate } from "../library.ts";
import { residentMib } from "../processes.ts";
import type { Product } from "../product.ts";

const MANY = 1_000_000;
const FEW = 1000;
/** Small enough that a million of them, three times and with their log, fit any disk. */
const SIZE_BYTES = 1024;
const IN_FLIGHT = 64;
const FILL_IN_FLIGHT = 256;
const PUTS = 8000;
const GETS = 20_000;
const DIRECTORY = "/filled";
const COMMAND_ROUNDS = 15;

const COMMANDS: readonly Row[] = [
  { name: "ls first page with a million files", unit: "ms, with 1,000", target: 2, lowerIsBetter: true },
  { name: "stat with a million files", unit: "ms, with 1,000", target: 2, lowerIsBetter: true },
];
const RATES: readonly Row[] = [
  { name: "put 1 KiB x 64 with a million files", unit: "1/s, with 1,000", target: 0.8, lowerIsBetter: false },
  { name: "get 1 KiB x 64 with a million files", unit: "1/s, with 1,000", target: 0.8, lowerIsBetter: false },
];
const MEMORY: readonly Row[] = [
  { name: "memory: largest DataNode with a million files", unit: "MiB, with 1,000", target: null, lowerIsBetter: true },
];

interface Pair {
  readonly many: Product;
  readonly few: Product;
}

export function millionExperiments(lab: Lab): readonly Experiment[] {
  if (!lab.flags.million) {
    const notNow = "not measured: --million";
    return [{ rows: [...COMMANDS, ...RATES, ...MEMORY], notNow, round: async () => [] }];
  }
  let filled: Promise<Pair> | undefined;
  const pair = () => {
    filled ??= fillBoth(lab);
    return filled;
  };
  const prepare = async () => void (await pair());
  return [
    { rows: MEMORY, rounds: 1, prepare, round: async () => memoryRound(await pair()) },
    { rows: COMMANDS, rounds: COMMAND_ROUNDS, prepare, round: async (index) => commandRound(await pair(), index) },
    { rows: RATES, prepare, round: async (index) => rateRound(await pair(), index) },
  ];
}

async function fillBoth(lab: Lab): Promise<Pair> {
  const few = await filledWith(await lab.start("few"), FEW);
  return { few, many: await filledWith(await lab.start("many"), MANY) };
}

/** Through the library, like anyone's files; and warm, so that both clusters have seen the same. */
async function filledWith(product: Product, files: number): Promise<Product> {
  const fill = { kind: "put", directory: DIRECTORY, files, sizeBytes: SIZE_BYTES, inFlight: FILL_IN_FLIGHT } as const;
  await libraryRate(product.address, fill);
  await product.warmUp(FEW);
  await product.run("ls", DIRECTORY, "--limit", "1");
  return product;
}

function memoryRound({ many, few }: Pair) {
  const largest = ({ processes }: Product) =>
    Math.max(...processes.flatMap(({ role, pid }) => (role === "datanode" ? [residentMib(pid)] : [])));
  return [{ ours: largest(many), reference: largest(few) }];
}

async function commandRound({ many, few }: Pair, index: number) {
  const timed = async (product: Product, ...args: readonly string[]) => {
    const beganMs = performance.now();
    await product.run(...args);
    return performance.now() - beganMs;
  };
  const both = async (...args: readonly string[]) => {
    const [ours, reference] = await inTurn(
      index,
      () => timed(many, ...args),
      () => timed(few, ...args),
    );
    return { ours, reference };
  };
  return [await both("ls", "-r", DIRECTORY, "--limit", String(FEW)), await both("stat", `${DIRECTORY}/0000/file-${index}`)];
}

async function rateRound({ many, few }: Pair, index: number) {
  const both = async (rate: (product: Product, files: number) => Promise<number>) => {
    const [ours, reference] = await inTurn(
      index,
      () => rate(many, MANY),
      () => rate(few, FEW),
    );
    return { ours, reference };
  };
  const load = { sizeBytes: SIZE_BYTES, inFlight: IN_FLIGHT };
  const puts = await both(({ address }) =>
    libraryRate(address, { ...load, kind: "put", directory: `/new/${index}`, files: PUTS }),
  );
  const gets = await both(({ address }, files) =>
    libraryRate(address, { ...load, kind: "get", directory: DIRECTORY, files, gets: GETS }),
  );
  return [puts, gets];
}
