/** Local file trouble, in words (LOCAL_FILE, exit code 7). */
import { messageOf, QdfsError } from "../base/errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a directory",
  ENOTDIR: "part of the path is no directory",
  ENOSPC: "no room on this disk",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  ENAMETOOLONG: "the name is too long for this file system",
  ELOOP: "too many symbolic links",
  EIO: "it cannot be read",
  EMFILE: "too many open files",
  ENXIO: "it is a device or socket without another end",
  EFBIG: "it is too large for this file system",
};

export function localFailure(file: string, why: string, hint?: string): QdfsError {
  return new QdfsError("LOCAL_FILE", `${file}: ${why}`, hint === undefined ? { file } : { file, hint });
}

/** An error of node:fs as LOCAL_FILE; what is coded already stays as it is. */
export function asLocalFailure(error: unknown, file: string): QdfsError {
  if (error instanceof QdfsError) return error;
  return localFailure(file, REASONS[systemCodeOf(error) ?? ""] ?? messageOf(error));
}

/** `ENOENT` and the like; undefined for errors that are none of the system's. */
export function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
