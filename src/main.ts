/**
 * The executable. Its overview is printed at once, without the program: loading commands and the runtime's streams takes longer
 * than the rest of such a process. Everything else is the program's (cli/program.ts).
 */
import "./cli/long-lived.ts"; // first: it may replace this process
import { overview } from "./cli/overview.ts";

const OVERVIEW: readonly string[] = ["--help", "-h", "help"];
const [first, ...rest] = process.argv.slice(2);

function runProgram(): void {
  void import("./cli/program.ts");
}

if (first !== undefined && rest.length === 0 && OVERVIEW.includes(first)) {
  // Where that fails the program tries, and says why not.
  Bun.write(Bun.stdout, `${overview()}\n`).then(() => process.exit(0), runProgram);
} else {
  runProgram();
}
