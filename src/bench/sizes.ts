/** How large contents are: one size, anything within a range, or a mix shaped like the files that people have. */
import { QdfsError } from "../base/errors.ts";
import { formatSize, parseSize } from "../base/units.ts";
import { BENCH_SIZE_BYTES_MAX } from "../tool-limits.ts";

export type Sizes =
  | { readonly kind: "fixed"; readonly bytes: number }
  /** Every size between the bounds, both included, is as likely as any other. */
  | { readonly kind: "range"; readonly minBytes: number; readonly maxBytes: number }
  | { readonly kind: "mixed" };

interface SizeClass {
  /** Of all contents, in parts of 100. */
  readonly share: number;
  readonly minBytes: number;
  readonly maxBytes: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * The mix: most files are small, most bytes are in large files. Median 4.4 KiB, mean 164 KiB, after the files on the desktops that
 * Agrawal, Bolosky, Douceur and Lorch counted (A Five-Year Study of File-System Metadata, FAST 2007; for 2004: median 4 KB, mean
 * 189 KB). Within a class the logarithm of the size is uniform.
 */
export const MIXED: readonly SizeClass[] = [
  { share: 25, minBytes: 128, maxBytes: KIB },
  { share: 35, minBytes: KIB, maxBytes: 8 * KIB },
  { share: 25, minBytes: 8 * KIB, maxBytes: 64 * KIB },
  { share: 13, minBytes: 64 * KIB, maxBytes: MIB },
  { share: 2, minBytes: MIB, maxBytes: 16 * MIB },
];

/**
 * `4KiB`, `4KiB-64KiB` or `mixed`.
 * @throws QdfsError BAD_USAGE
 */
export function parseSizes(text: string): Sizes {
  if (text === "mixed") return { kind: "mixed" };
  const [, from, to] = /^(.+)-(.+)$/.exec(text) ?? [];
  if (from === undefined || to === undefined) return { kind: "fixed", bytes: checkedSize(text) };
  const [minBytes, maxBytes] = [checkedSize(from), checkedSize(to)];
  if (minBytes > maxBytes) throw new QdfsError("BAD_USAGE", `--size ${text}: the first size is the larger one`);
  return { kind: "range", minBytes, maxBytes };
}

function checkedSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes >= 1 && bytes <= BENCH_SIZE_BYTES_MAX) return bytes;
  throw new QdfsError("BAD_USAGE", `--size must be from 1 byte to ${formatSize(BENCH_SIZE_BYTES_MAX)}`);
}

/** The size that belongs to a number drawn uniformly from [0, 1). */
export function sizeAt(sizes: Sizes, unit: number): number {
  switch (sizes.kind) {
    case "fixed":
      return sizes.bytes;
    case "range":
      return sizes.minBytes + Math.floor(unit * (sizes.maxBytes - sizes.minBytes + 1));
    case "mixed":
      return mixedAt(unit * 100);
  }
}

function mixedAt(percent: number): number {
  let below = 0;
  for (const { share, minBytes, maxBytes } of MIXED) {
    if (percent < below + share) return Math.floor(minBytes * (maxBytes / minBytes) ** ((percent - below) / share));
    below += share;
  }
  return maxBytesOf({ kind: "mixed" });
}

export function minBytesOf(sizes: Sizes): number {
  if (sizes.kind === "mixed") return Math.min(...MIXED.map(({ minBytes }) => minBytes));
  return sizes.kind === "fixed" ? sizes.bytes : sizes.minBytes;
}

export function maxBytesOf(sizes: Sizes): number {
  if (sizes.kind === "mixed") return Math.max(...MIXED.map(({ maxBytes }) => maxBytes));
  return sizes.kind === "fixed" ? sizes.bytes : sizes.maxBytes;
}

/** Expected, whole bytes. */
export function meanBytesOf(sizes: Sizes): number {
  switch (sizes.kind) {
    case "fixed":
      return sizes.bytes;
    case "range":
      return Math.round((sizes.minBytes + sizes.maxBytes) / 2);
    case "mixed":
      return Math.round(
        MIXED.reduce(
          (sum, { share, minBytes, maxBytes }) => sum + (share / 100) * ((maxBytes - minBytes) / Math.log(maxBytes / minBytes)),
          0,
        ),
      );
  }
}

/** `4.0 KiB`, `4.0 KiB to 64.0 KiB`, `mixed sizes (mean 164 KiB)`. */
export function sizesWords(sizes: Sizes): string {
  switch (sizes.kind) {
    case "fixed":
      return formatSize(sizes.bytes);
    case "range":
      return `${formatSize(sizes.minBytes)} to ${formatSize(sizes.maxBytes)}`;
    case "mixed":
      return `mixed sizes (mean ${formatSize(meanBytesOf(sizes))})`;
  }
}
