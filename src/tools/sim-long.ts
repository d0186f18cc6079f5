/**
 * `npm run sim:long [SEEDS] [FIRST]`: 100,000 simulated clusters, on every processor, in pieces of a few hundred seeds. What is done is kept in
 * build/sim-long.jsonl, one line of JSON for each piece: an interrupted run goes on where it was when it is started again.
 * Ends with a summary as a line of JSON; exit code 11 when any seed violated anything.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { Exit } from "../base/errors.ts";

const PIECE = 500;
const RECIPE = "all";
const ROOT = join(import.meta.dir, "..", "..");
const FILE = join(ROOT, "build", "sim-long.jsonl");

interface Piece {
  readonly first: number;
  readonly commit: string;
  readonly seeds: number;
  readonly violations: number;
  readonly opsChecked: number;
  readonly elapsedMs: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly failed: readonly { readonly seed: number; readonly replay: string }[];
}

function commitNow(): string {
  return Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], { cwd: ROOT }).stdout.toString().trim();
}

function doneBefore(commit: string): Piece[] {
  if (!existsSync(FILE)) return [];
  const lines = readFileSync(FILE, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line): Piece => JSON.parse(line)).filter((piece) => piece.commit === commit);
}

/** One piece, in a process of its own. */
async function run(first: number, commit: string): Promise<Piece> {
  const command = [process.execPath, join(ROOT, "src/main.ts"), "sim", "--seed", `${first}`, "--seeds", `${PIECE}`];
  const child = Bun.spawn([...command, "--recipe", RECIPE, "--json", "-q"], { cwd: ROOT, stdout: "pipe", stderr: "inherit" });
  const lines = (await new Response(child.stdout).text()).trim().split("\n");
  const { seeds, violations, opsChecked, elapsedMs, faults, failed } = JSON.parse(lines.at(-1) ?? "{}");
  if (seeds !== PIECE) throw new Error(`seeds ${first} to ${first + PIECE - 1} were not all run: ${command.join(" ")}`);
  const piece: Piece = { first, commit, seeds, violations, opsChecked, elapsedMs, faults, failed };
  mkdirSync(dirname(FILE), { recursive: true });
  appendFileSync(FILE, `${JSON.stringify(piece)}\n`);
  return piece;
}

const [wanted = "100000", start = "1000000"] = process.argv.slice(2);
const commit = commitNow();
const firsts = Array.from({ length: Math.ceil(Number(wanted) / PIECE) }, (_, i) => Number(start) + i * PIECE);
const pieces = doneBefore(commit).filter(({ first }) => firsts.includes(first));
const left = firsts.filter((first) => !pieces.some((piece) => piece.first === first));
process.stderr.write(`${pieces.length} of ${firsts.length} pieces of ${PIECE} seeds are done at commit ${commit}\n`);

async function worker(): Promise<void> {
  for (let first = left.shift(); first !== undefined; first = left.shift()) {
    const piece = await run(first, commit);
    pieces.push(piece);
    for (const { seed, replay } of piece.failed) process.stderr.write(`seed ${seed} fails: ${replay}\n`);
    process.stderr.write(`${pieces.length * PIECE} seeds done\n`);
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, worker));
const sum = (of: (piece: Piece) => number): number => pieces.reduce((total, piece) => total + of(piece), 0);
const faults = sum((piece) => Object.values(piece.faults).reduce((total, count) => total + count, 0));
const violations = sum((piece) => piece.violations);
const summary = {
  commit,
  recipe: RECIPE,
  firstSeed: Number(start),
  seeds: sum((piece) => piece.seeds),
  violations,
  opsChecked: sum((piece) => piece.opsChecked),
  faults,
  failed: pieces.flatMap((piece) => piece.failed),
};
process.stdout.write(`${JSON.stringify(summary)}\n`);
process.exitCode = violations > 0 ? Exit.VIOLATION : Exit.DONE;
