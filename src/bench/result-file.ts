/** Results as files: what `qdfs bench --json` printed, read again by name, so that results of other versions can be read as well. */
import { messageOf, QdfsError } from "../base/errors.ts";
import { KINDS } from "./mix.ts";

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly lowerIsBetter: boolean;
}

/** A result as far as it can be compared. */
export interface ResultFigures {
  /** What figures depend on, by name, in words. */
  readonly conditions: ReadonlyMap<string, string>;
  readonly figures: readonly Figure[];
}

const CONDITIONS = [
  "mix",
  "clients",
  "procs",
  "inFlight",
  "ratePerSec",
  "warmUpSec",
  "sizeBytes",
  "sizes",
  "files",
  "keys",
  "quorum",
  "fsync",
  "machine",
  "version",
] as const;

/** What results of versions that did not say had. */
const UNSAID: Readonly<Record<string, unknown>> = { procs: 1, warmUpSec: 0, keys: "uniform" };

const FIGURES = [
  ["perSec", false],
  ["bytesPerSec", false],
  ["meanMs", true],
  ["p50Ms", true],
  ["p90Ms", true],
  ["p95Ms", true],
  ["p99Ms", true],
  ["p999Ms", true],
  ["maxMs", true],
  ["errors", true],
] as const;

/**
 * The results in a file's lines; other lines (a trace) are passed over.
 * @throws QdfsError BAD_USAGE when there is none, or a line is no JSON
 */
export function resultsOf(lines: Iterable<string>, name: string): readonly ResultFigures[] {
  const results: ResultFigures[] = [];
  let number = 0;
  for (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    const result = fieldsOf(parsed(line, `${name}, line ${number}`));
    if (typeof result.mix === "string" && "operations" in result) results.push(resultFigures(result));
  }
  if (results.length === 0) throw new QdfsError("BAD_USAGE", `${name} holds no result of \`qdfs bench --json\``);
  return results;
}

function resultFigures(result: Readonly<Record<string, unknown>>): ResultFigures {
  const conditions = new Map<string, string>();
  for (const name of CONDITIONS) {
    const said = result[name] === undefined ? UNSAID[name] : result[name];
    if (said !== undefined) conditions.set(name, inWords(said));
  }
  const seconds = result.durationSec;
  // Measured: never twice the same to the millisecond.
  if (typeof seconds === "number") conditions.set("durationSec", String(Math.round(seconds)));
  return { conditions, figures: [...totalOf(result), ...KINDS.flatMap((kind) => figuresOf(kind, result))] };
}

/** A single kind is its own total. */
function totalOf(result: Readonly<Record<string, unknown>>): readonly Figure[] {
  const operations = fieldsOf(result.operations);
  const rates = KINDS.map((kind) => numberOf(fieldsOf(operations[kind]).perSec)).filter((rate) => rate > 0);
  if (rates.length < 2) return [];
  return [{ name: "all perSec", value: rates.reduce((sum, rate) => sum + rate, 0), lowerIsBetter: false }];
}

function figuresOf(kind: string, result: Readonly<Record<string, unknown>>): readonly Figure[] {
  const counted = fieldsOf(fieldsOf(result.operations)[kind]);
  if (numberOf(counted.count) + numberOf(counted.errors) === 0) return [];
  return FIGURES.flatMap(([figure, lowerIsBetter]) => {
    const value = counted[figure];
    return typeof value === "number" ? [{ name: `${kind} ${figure}`, value, lowerIsBetter }] : [];
  });
}

/** `{"n":3,"w":2}` as `n=3 w=2`. */
function inWords(value: unknown): string {
  if (value === null) return "none";
  if (typeof value !== "object") return String(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name}=${inWords(inner)}`)
    .join(" ");
}

function parsed(line: string, where: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new QdfsError("BAD_USAGE", `${where}: ${messageOf(error)}`);
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : {};
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
