/**
 * `--quorum SPEC` (CLI.md): replicas N, write quorum W, read quorum R. Every accepted specification intersects: R + W > N, so that
 * every read meets the last write, and every prepare the last accept (they are the two quorums of flexible Paxos).
 */
import { QdfsError } from "../base/errors.ts";
import { REPLICAS_MAX } from "../limits.ts";

export interface QuorumSpec {
  readonly n: number;
  readonly w: number;
  readonly r: number;
  /** The named form it came from, or "custom". */
  readonly name: string;
}

export const QUORUM_DEFAULT = "majority";
const REPLICAS_DEFAULT = 3;

const majorityOf = (n: number): number => Math.floor(n / 2) + 1;

/** The quorum moves with the load (adaptive-quorum.ts). */
export const ADAPTIVE = "adaptive";

/** What a name means for n replicas, to begin with. */
const NAMED: ReadonlyMap<string, (n: number) => { w: number; r: number }> = new Map([
  [ADAPTIVE, (n: number) => ({ w: majorityOf(n), r: majorityOf(n) })],
  ["majority", (n: number) => ({ w: majorityOf(n), r: majorityOf(n) })],
  ["read-optimized", (n: number) => ({ w: n, r: 1 })],
  ["write-optimized", (n: number) => ({ w: 1, r: n })],
]);

const FORMS = `n=3,w=2,r=2, or ${[...NAMED.keys()].join(", ")}, each also as NAME,n=5`;

function bad(spec: string, why: string): QdfsError {
  return new QdfsError("BAD_QUORUM", `bad quorum ${JSON.stringify(spec)}: ${why}`, { spec });
}

/**
 * Reads a specification. In the `n=…` form, a w or r that is left out is the majority of n.
 * @throws QdfsError BAD_QUORUM, with the arithmetic in words and a choice that would do
 */
export function parseQuorumSpec(spec: string): QuorumSpec {
  const fields = spec.trim().split(",");
  const first = fields[0] ?? "";
  const named = NAMED.get(first);
  const values = readValues(spec, named === undefined ? fields : fields.slice(1), named === undefined ? ["n", "w", "r"] : ["n"]);
  const n = values.get("n") ?? (named === undefined ? undefined : REPLICAS_DEFAULT);
  if (n === undefined) throw bad(spec, `it does not say n, the number of replicas; use ${FORMS}`);
  if (n < 1 || n > REPLICAS_MAX) throw bad(spec, `n = ${n} must be from 1 to ${REPLICAS_MAX}`);
  if (named !== undefined) return { n, ...named(n), name: first };
  const w = values.get("w") ?? majorityOf(n);
  const r = values.get("r") ?? majorityOf(n);
  checkQuorum(spec, n, w, r);
  return { n, w, r, name: "custom" };
}

function readValues(spec: string, fields: readonly string[], known: readonly string[]): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const field of fields) {
    const match = /^([a-z]+)=(\d{1,4})$/.exec(field.trim());
    const [, key, digits] = match ?? [];
    if (key === undefined || digits === undefined || !known.includes(key)) {
      throw bad(spec, `${JSON.stringify(field)} is not understood; use ${FORMS}`);
    }
    if (values.has(key)) throw bad(spec, `it says ${key} twice`);
    values.set(key, Number(digits));
  }
  return values;
}

function checkQuorum(spec: string, n: number, w: number, r: number): void {
  for (const [key, value] of [["w", w] as const, ["r", r] as const]) {
    if (value < 1 || value > n) throw bad(spec, `${key} = ${value} must be from 1 to n = ${n}`);
  }
  if (r + w > n) return;
  const wider = n + 1 - w;
  throw bad(
    spec,
    `r + w = ${r} + ${w} = ${r + w} must be greater than n = ${n}, or a read can miss the last write; n=${n},w=${w},r=${wider} would do`,
  );
}

/**
 * A quorum that comes from elsewhere. A name goes with its numbers; an adaptive one may be anywhere.
 * @throws QdfsError BAD_QUORUM, with the arithmetic in words
 */
export function checkedQuorum({ n, w, r, name }: QuorumSpec): QuorumSpec {
  const spec = `n=${n},w=${w},r=${r}`;
  if (n < 1 || n > REPLICAS_MAX) throw bad(spec, `n = ${n} must be from 1 to ${REPLICAS_MAX}`);
  checkQuorum(spec, n, w, r);
  const named = NAMED.get(name)?.(n);
  const isItsName = name === ADAPTIVE || (named?.w === w && named.r === r);
  return { n, w, r, name: isItsName ? name : "custom" };
}

/** `n=3,w=2,r=2`, with the name in front where it has one. */
export function formatQuorum(quorum: QuorumSpec): string {
  const numbers = `n=${quorum.n},w=${quorum.w},r=${quorum.r}`;
  return quorum.name === "custom" ? numbers : `${quorum.name} (${numbers})`;
}
