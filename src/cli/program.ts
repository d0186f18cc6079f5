/** The program: argv → command → exit code. It runs when it is loaded. */
import { AssertionFailed, QdfsError } from "../base/errors.ts";
import { reportFailure } from "./failure.ts";
import { runCommandLine } from "./run.ts";

const argv = process.argv.slice(2);

/**
 * What nobody awaited and nobody caught: a bug, a broken invariant, or why a server cannot go on (its disk fails, it is refused),
 * which has its own exit code. The process ends; a server's peers go on without it.
 */
function stop(error: unknown): void {
  const broken = error instanceof AssertionFailed ? new QdfsError("BUG", `broken invariant: ${error.message}`) : error;
  process.exit(reportFailure(broken, argv.includes("--json")));
}

// What grpc-js would print on stderr of its own accord, every failure says better.
process.env.GRPC_VERBOSITY ??= "NONE";
process.on("uncaughtException", stop);
process.on("unhandledRejection", stop);
process.stderr.on("error", () => {});

runCommandLine(argv).then((exit) => process.exit(exit), stop);
