/** Where a put, cp or mv goes: as with cp, a directory as the target keeps the source's name. */
import { codeOf, type ErrorCode, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { joinPath, parseDirectoryPath, parseFilePath, ROOT } from "../base/path.ts";
import type { Client } from "../client/connect.ts";
import type { Output } from "./output.ts";

export interface Target {
  readonly path: Path;
  /** Written with a trailing `/`. */
  readonly directory: boolean;
}

/** @throws QdfsError BAD_PATH */
export function parseTarget(text: string): Target {
  if (text.endsWith("/")) return { path: parseDirectoryPath(text), directory: true };
  return { path: parseFilePath(text), directory: false };
}

/**
 * The path of the file to write. Whether a directory stands at the target only the catalogue knows; while it cannot be asked,
 * the target is taken as the file's own path.
 * @throws QdfsError BAD_PATH, and what listing throws
 */
export async function resolveTarget(client: Client, output: Output, target: Target, sourceName: string): Promise<Path> {
  if (target.directory || (await isDirectory(client, output, target.path))) return joinPath(target.path, sourceName);
  return target.path;
}

const NO_CATALOGUE: readonly ErrorCode[] = [
  "CLUSTER_UNREACHABLE",
  "CLUSTER_WAITING",
  "NODE_UNREACHABLE",
  "NODE_SILENT",
  "NOT_ALLOWED",
  "DEADLINE",
  "OVERLOADED",
  "SHUTTING_DOWN",
];

async function isDirectory(client: Client, output: Output, path: Path): Promise<boolean> {
  if (path === ROOT) return true;
  try {
    for await (const entry of client.list(path, { limit: 1 })) return entry.path !== path;
    return false;
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || !NO_CATALOGUE.includes(code)) throw error;
    output.notice(`whether ${path} is a directory cannot be told now (${code}); it is taken as a file's path`);
    return false;
  }
}

/**
 * The segments of `path` below `directory`; of the directory's own path, its name.
 * @throws QdfsError BAD_PATH when it is no such path: listings are not trusted with the local disk
 */
export function segmentsBelow(directory: Path, path: string): readonly string[] {
  const checked = parseFilePath(path);
  if (checked === directory) return [checked.slice(checked.lastIndexOf("/") + 1)];
  const prefix = directory === ROOT ? ROOT : `${directory}/`;
  if (checked !== path || !checked.startsWith(prefix))
    throw new QdfsError("BAD_PATH", `${JSON.stringify(path)} is not under ${directory}`);
  return checked.slice(prefix.length).split("/");
}
