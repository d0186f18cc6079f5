/** Quantities as people write and read them: sizes, durations, addresses. Inside the program: bytes, milliseconds, `host:port`. */
import { ZONE_CHARS_MAX } from "../limits.ts";
import { QdfsError } from "./errors.ts";

const SIZES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  kib: 2 ** 10,
  kb: 1e3,
  m: 2 ** 20,
  mib: 2 ** 20,
  mb: 1e6,
  g: 2 ** 30,
  gib: 2 ** 30,
  gb: 1e9,
  t: 2 ** 40,
  tib: 2 ** 40,
  tb: 1e12,
};

const DURATIONS: Readonly<Record<string, number>> = { ms: 1, "": 1e3, s: 1e3, m: 60e3, min: 60e3, h: 3_600e3, d: 86_400e3 };

function parseQuantity(text: string, units: Readonly<Record<string, number>>, what: string, example: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]*)$/i.exec(text.trim());
  const factor = match?.[2] === undefined ? undefined : units[match[2].toLowerCase()];
  const value = Number(match?.[1]) * (factor ?? Number.NaN);
  if (!Number.isFinite(value) || value > Number.MAX_SAFE_INTEGER) {
    throw new QdfsError("BAD_USAGE", `${JSON.stringify(text)} is not a ${what}; write it as in ${example}`, { value: text });
  }
  return Math.round(value);
}

/**
 * Bytes in `4KiB`, `1.5 MiB`, `100GB` or `4096`. A bare K, M, G, T is binary.
 * @throws QdfsError BAD_USAGE
 */
export function parseSize(text: string): number {
  return parseQuantity(text, SIZES, "size", "4KiB, 100GiB or 4096");
}

/**
 * Milliseconds in `250ms`, `10s`, `5m`, `1h` or `2d`; a bare number is seconds.
 * @throws QdfsError BAD_USAGE
 */
export function parseDuration(text: string): number {
  return parseQuantity(text, DURATIONS, "duration", "250ms, 10s or 5m");
}

/**
 * A whole number between the bounds, both included.
 * @throws QdfsError BAD_USAGE naming the flag
 */
export function parseCount(text: string, flag: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new QdfsError("BAD_USAGE", `${flag} takes a whole number ${bounds}, not ${JSON.stringify(text)}`, { flag, value: text });
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * `127.0.0.1:7000`, `node-3.example:7000` or `[::1]:7000`.
 * @throws QdfsError BAD_USAGE
 */
export function parseAddress(text: string): HostPort {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new QdfsError("BAD_USAGE", `${JSON.stringify(text)} is not an address; write HOST:PORT, as in 127.0.0.1:7000`, {
      value: text,
    });
  }
  return { host, port };
}

/** True for what can be a zone's name; empty: none. */
export function isZone(text: string): boolean {
  return text.length <= ZONE_CHARS_MAX && !/\p{Cc}/u.test(text);
}

/** The inverse of parseAddress: an IPv6 host gets its brackets. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * The addresses in `A[,B…]`, each checked and normalised; at least one.
 * @throws QdfsError BAD_USAGE
 */
export function parseAddresses(text: string): readonly string[] {
  return text.split(",").map((part) => {
    const { host, port } = parseAddress(part);
    return formatAddress(host, port);
  });
}

/** `0 B`, `999 B`, `4.0 KiB`, `1.5 GiB`. */
export function formatSize(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB"]) {
    if (value < 1024 || unit === "TiB") return unit === "B" ? `${value} B` : `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`;
    value /= 1024;
  }
  return `${bytes} B`;
}

/** `0.8 ms`, `12 ms`, `3.4 s`, `2 min 5 s`, `1 h 30 min`, `7 d`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < HOUR_SEC) return twoUnits(seconds, [60, "min"], [1, "s"]);
  if (seconds < DAY_SEC) return twoUnits(seconds, [HOUR_SEC, "h"], [60, "min"]);
  return twoUnits(seconds, [DAY_SEC, "d"], [HOUR_SEC, "h"]);
}

const HOUR_SEC = 3_600;
const DAY_SEC = 24 * HOUR_SEC;

/** `2 min 5 s`, `7 d`; what is left of the smaller unit is cut off. */
function twoUnits(seconds: number, [large, largeName]: [number, string], [small, smallName]: [number, string]): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ""}`;
}

/** A level of suspicion (cluster/suspicion.ts): `0`, `2.3`, `17`; beyond 99 nobody counts. */
export function formatPhi(phi: number): string {
  if (phi < 0.05) return "0";
  return phi < 10 ? phi.toFixed(1) : `${Math.min(99, Math.round(phi))}`;
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1 file`, `5,000 files` */
export function formatFiles(count: number): string {
  return `${formatCount(count)} ${count === 1 ? "file" : "files"}`;
}
