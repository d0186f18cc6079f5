/** Which file the next operation is on. */
import { unreachable } from "../base/errors.ts";
import type { Random } from "../ports.ts";
import { ALL, type Share } from "./share.ts";

export const KEYS = ["uniform", "zipfian", "sequential"] as const;
export type Keys = (typeof KEYS)[number];

/** YCSB's constant. */
export const ZIPFIAN_THETA = 0.99;

/** Terms of the zeta function that are added one by one; what follows is an integral, exact to ten digits. */
const ZETA_TERMS = 10_000;

export function isKeys(text: string): text is Keys {
  return KEYS.some((keys) => keys === text);
}

/** Draws file numbers, 0 … files - 1. Several processes that share a sequential run take turns. */
export function drawerOf(keys: Keys, files: number, random: Random, share: Share = ALL): () => number {
  switch (keys) {
    case "uniform":
      return () => Math.floor(random.unit() * files);
    case "zipfian":
      return zipfian(files, random);
    case "sequential":
      return sequential(files, share);
    default:
      return unreachable(keys);
  }
}

function sequential(files: number, { index, of }: Share): () => number {
  let next = index;
  return () => {
    const drawn = next % files;
    next = drawn + of;
    return drawn;
  };
}

/**
 * File k is drawn in proportion to 1 / (k + 1)^theta, by the method of Gray, Sundaresan, Englert, Baclawski and Weinberger
 * (Quickly Generating Billion-Record Synthetic Databases, SIGMOD 1994, section 3.2) as YCSB has it (Cooper et al., SoCC 2010): constant
 * time a draw, exact for the two most popular files and close for the others. YCSB scrambles the numbers so that popular records do not
 * lie side by side; here the partition's hash of the path does that.
 */
function zipfian(files: number, random: Random): () => number {
  const theta = ZIPFIAN_THETA;
  const zetaN = zeta(files, theta);
  const alpha = 1 / (1 - theta);
  const eta = (1 - (2 / files) ** (1 - theta)) / (1 - zeta(2, theta) / zetaN);
  return () => {
    const unit = random.unit();
    const scaled = unit * zetaN;
    if (scaled < 1 || files === 1) return 0;
    if (scaled < 1 + 0.5 ** theta || files === 2) return 1;
    return Math.min(files - 1, Math.floor(files * (eta * unit - eta + 1) ** alpha));
  };
}

/** The sum of 1 / k^theta for k = 1 … n; Euler-Maclaurin past ZETA_TERMS. */
export function zeta(n: number, theta: number): number {
  const terms = Math.min(n, ZETA_TERMS);
  let sum = 0;
  for (let k = 1; k <= terms; k++) sum += k ** -theta;
  if (n === terms) return sum;
  const integral = (n ** (1 - theta) - terms ** (1 - theta)) / (1 - theta);
  const ends = (n ** -theta - terms ** -theta) / 2;
  const slopes = (theta * (terms ** (-theta - 1) - n ** (-theta - 1))) / 12;
  return sum + integral + ends + slopes;
}
