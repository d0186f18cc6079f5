/** `npm run bench:limits -- FLAGS`. */
import { parseArgs } from "node:util";
import { parseCount } from "../../base/units.ts";

const ROUNDS_DEFAULT = 5;
const ROUNDS_MAX = 100;

export interface Flags {
  readonly json: boolean;
  readonly list: boolean;
  /** Rows whose names contain one of these; empty: all. */
  readonly only: readonly string[];
  readonly rounds: number;
  /** Measure with a million files as well: some minutes more, and 15 GB of disk for a while. */
  readonly million: boolean;
  /** Put 10 GiB, not 1 GiB, to see what memory the client takes. */
  readonly large: boolean;
}

export const USAGE = `npm run bench:limits -- [--only NAME,…] [--rounds K] [--million] [--large] [--json] [--list]
  --only NAME,…  rows whose name contains one of these      --rounds K  alternating runs of each (default: ${ROUNDS_DEFAULT})
  --million      also with 1,000,000 files                   --large     the memory of a client that puts 10 GiB, not 1 GiB
  --json         a line of JSON per row                      --list      the names of the rows, nothing else`;

/** @throws QdfsError BAD_USAGE, TypeError: a flag that there is not */
export function parseFlags(args: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      million: { type: "boolean", default: false },
      large: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      rounds: { type: "string", default: String(ROUNDS_DEFAULT) },
    },
  });
  const only = values.only.split(",").map((name) => name.trim());
  return { ...values, only: only.filter((name) => name !== ""), rounds: parseCount(values.rounds, "--rounds", 1, ROUNDS_MAX) };
}
