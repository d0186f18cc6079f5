/** Failures as the user meets them: one line on stderr and an exit code. No stack trace, unless QDFS_DEBUG=1 asks for it. */
import { ERRORS, type ErrorCode, Exit, isErrorCode, messageOf, QdfsError } from "../base/errors.ts";

/** From worst to least: what a command reports when several of its files fail in different ways. */
const SEVERITY: readonly Exit[] = [
  Exit.INTERRUPTED,
  Exit.BUG,
  Exit.VIOLATION,
  Exit.CORRUPT,
  Exit.UNKNOWN,
  Exit.FULL,
  Exit.UNAVAILABLE,
  Exit.DENIED,
  Exit.LOCAL,
  Exit.USAGE,
  Exit.PRECONDITION,
  Exit.NOT_FOUND,
  Exit.DONE,
];

/** What the user can do next, where the message alone does not say. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  OUTCOME_UNKNOWN: "`qdfs stat PATH` and `qdfs versions PATH` show what became of it",
  QUORUM_UNAVAILABLE: "`qdfs status` shows which DataNodes are up; try again when more of them are",
  BUG: "this should not happen: please report it, with what QDFS_DEBUG=1 prints",
};

/** Anything thrown, as a coded failure; what has no code is a bug of ours. */
export function asFailure(error: unknown): QdfsError {
  if (error instanceof QdfsError) return error;
  return new QdfsError("BUG", messageOf(error) || "an error without a message", {
    name: error instanceof Error ? error.name : typeof error,
  });
}

/** The worse of two failures by exit code; the first one when they are equal. */
export function worseOf(a: QdfsError | undefined, b: QdfsError): QdfsError {
  if (a === undefined) return b;
  return SEVERITY.indexOf(b.exit) < SEVERITY.indexOf(a.exit) ? b : a;
}

/** The failure as CLI.md's JSON line. */
export function failureLine(failure: QdfsError): string {
  const { code, message, retry, details } = failure;
  return JSON.stringify({ error: { code, message, retry, details } });
}

/** The inverse, for what a child process says; undefined for any other line. */
export function parseFailureLine(line: string): QdfsError | undefined {
  if (!line.startsWith('{"error":')) return undefined;
  const { error } = parsedOr(line, { error: undefined });
  if (typeof error !== "object" || error === null || !("code" in error) || !("message" in error)) return undefined;
  const { code, message } = error;
  if (typeof code !== "string" || typeof message !== "string" || !isErrorCode(code)) return undefined;
  return new QdfsError(code, message);
}

function parsedOr(line: string, otherwise: { readonly error: unknown }): { readonly error: unknown } {
  try {
    const value: { readonly error: unknown } = JSON.parse(line);
    return value;
  } catch {
    return otherwise;
  }
}

/** On one line, and without what could steer a terminal: file names may hold anything. */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/** The failure as one line for people. */
export function failureText(failure: QdfsError): string {
  const message = oneLine(failure.message);
  return message.startsWith(`${failure.code}:`) ? message : `${failure.code}: ${message}`;
}

/** Says what went wrong, on stderr, in the form asked for. Returns the exit code. */
export function reportFailure(error: unknown, json: boolean): Exit {
  const failure = asFailure(error);
  if (process.env.QDFS_DEBUG === "1" && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  if (json) {
    process.stderr.write(`${failureLine(failure)}\n`);
  } else {
    const hint = typeof failure.details.hint === "string" ? failure.details.hint : HINTS[failure.code];
    process.stderr.write(`qdfs: ${failureText(failure)}\n${hint === undefined ? "" : `  ${hint}\n`}`);
  }
  return failure.exit;
}

/** The table of `qdfs help exit-codes`. */
export function exitCodeTable(): string {
  const lines = [`  ${String(Exit.DONE).padStart(3)}  ${"".padEnd(21)} done`];
  const codes = Object.entries(ERRORS).sort(([, a], [, b]) => a.exit - b.exit);
  let previous: number = Exit.DONE;
  for (const [code, row] of codes) {
    const exit = row.exit === previous ? "" : String(row.exit);
    previous = row.exit;
    lines.push(`  ${exit.padStart(3)}  ${code.padEnd(21)} ${row.meaning}`);
  }
  return lines.join("\n");
}
