/** What a failed file system call under a data directory means. */
import { type ErrorCode, messageOf, QdfsError } from "../base/errors.ts";

/** The system's code (ENOENT …) of a failure; empty for anything else. */
export function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Only failures of system calls become QdfsErrors; anything else is passed on as it is. */
export function fileFailure(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (error instanceof QdfsError || code === "") return error;
  const ours: ErrorCode = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG" ? "STORAGE_FULL" : "DATA_DIR_UNUSABLE";
  return new QdfsError(ours, `${path}: ${messageOf(error)}`, { path, system: code });
}
