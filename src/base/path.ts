/** Paths (CLI.md): `/`-separated UTF-8 in NFC, no empty, `.` or `..` segment, no NUL or control characters (Unicode's Cc). */
import { PATH_BYTES_MAX } from "../limits.ts";
import { codeOf, QdfsError } from "./errors.ts";
import type { Path } from "./ids.ts";

export const ROOT: Path = "/";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f]/;

/** Paths that are plainly in their one form: printable ASCII, no empty, `.` or `..` segment. Nearly all are, and every request brings one. */
const PLAIN = /^(?:\/(?!\.{1,2}(?:\/|$))[ -.0-~]+)+$/;

function bad(text: string, why: string): QdfsError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new QdfsError("BAD_PATH", `bad path ${JSON.stringify(shown)}: ${why}`, { path: shown });
}

/**
 * The normalised form of a file's path: leading `/`, NFC.
 * @throws QdfsError BAD_PATH
 */
export function parseFilePath(text: string): Path {
  if (text.length <= PATH_BYTES_MAX && PLAIN.test(text)) return text;
  const path = parseDirectoryPath(text);
  if (path === ROOT) throw bad(text, "it names no file");
  return path;
}

/** True for what parseFilePath gives: a file's path in its one form. */
export function isFilePath(text: string): boolean {
  try {
    return parseFilePath(text) === text;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return false;
  }
}

/** As parseFilePath, but `/` and the empty path name the root, and one trailing `/` is dropped. */
export function parseDirectoryPath(text: string): Path {
  if (FORBIDDEN.test(text)) throw bad(text, "it has a NUL or control character");
  if (text.includes("\ufffd") || !text.isWellFormed()) throw bad(text, "it is not valid UTF-8");
  const path = text.normalize("NFC");
  const segments = path.split("/");
  if (segments[0] === "") segments.shift();
  if (segments.at(-1) === "") segments.pop();
  for (const segment of segments) {
    if (segment === "") throw bad(text, "it has an empty segment");
    if (segment === "." || segment === "..") throw bad(text, `"${segment}" is no name`);
  }
  const joined = `/${segments.join("/")}`;
  const sizeBytes = Buffer.byteLength(joined);
  if (sizeBytes > PATH_BYTES_MAX) throw bad(text, `it has ${sizeBytes} bytes, at most ${PATH_BYTES_MAX} are allowed`);
  return joined;
}

/** `path@3` → path and 3; `path` → path and 0 (the current version). A literal `@` needs no escape unless digits end the name. */
export function parseVersionedPath(text: string): { path: Path; version: number } {
  const match = /^(.*)@(\d{1,15})$/s.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return { path: parseFilePath(text), version: 0 };
  const version = Number(match[2]);
  if (version === 0) throw bad(text, "versions begin at 1");
  return { path: parseFilePath(match[1]), version };
}

/** `child` under directory `parent`. */
export function joinPath(parent: Path, child: string): Path {
  return parseFilePath(parent === ROOT ? child : `${parent}/${child}`);
}

export function baseName(path: Path): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
