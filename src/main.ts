/** The executable: argv → command → exit code. */
import "./cli/long-lived.ts"; // first: it may replace this process
import { AssertionFailed, Exit, QdfsError } from "./base/errors.ts";
import { reportFailure } from "./cli/failure.ts";
import { runCommandLine } from "./cli/run.ts";

const argv = process.argv.slice(2);

/** What nobody awaited and nobody caught: a bug, or a broken invariant. The process ends; a server's peers go on without it. */
function stop(error: unknown): void {
  const text = error instanceof AssertionFailed ? `broken invariant: ${error.message}` : undefined;
  reportFailure(text === undefined ? error : new QdfsError("BUG", text), argv.includes("--json"));
  process.exit(Exit.BUG);
}

// What grpc-js would print on stderr of its own accord, every failure says better.
process.env.GRPC_VERBOSITY ??= "NONE";
process.on("uncaughtException", stop);
process.on("unhandledRejection", stop);
process.stderr.on("error", () => {});

runCommandLine(argv).then((exit) => process.exit(exit), stop);
