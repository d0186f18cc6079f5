/** `--if-version`: a version, or a version and the operation that made it, as `stat` shows it. */
import { QdfsError } from "../base/errors.ts";
import { parseCount } from "../base/units.ts";

export interface VersionCondition {
  readonly version: number;
  /** The operation that made the version: tells a file's new life after an erase from the old one (PROTOCOL P14). */
  readonly random?: string;
}

/** `3` or `3#0123456789abcdef`. @throws QdfsError BAD_USAGE */
export function parseVersionCondition(text: string | undefined): VersionCondition | undefined {
  if (text === undefined) return undefined;
  const [version = "", random, ...more] = text.split("#");
  if (more.length > 0 || (random !== undefined && !/^[0-9a-f]{16}$/.test(random))) {
    throw new QdfsError(
      "BAD_USAGE",
      `--if-version takes a version, or what "qdfs stat" shows as operation, not ${JSON.stringify(text)}`,
    );
  }
  return { version: parseCount(version, "--if-version", 1), random };
}
