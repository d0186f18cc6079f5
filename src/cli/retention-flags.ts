/** `--tombstone-grace`, `--orphan-age`, `--keep-versions` and `--keep-for` of whatever starts a SuperNode. */
import { Option } from "clipanion";
import { QdfsError } from "../base/errors.ts";
import { parseCount, parseDuration } from "../base/units.ts";
import type { Retention } from "../cluster/retention.ts";

/** The flags themselves, as fields of a command. */
export const retentionOptions = {
  tombstoneGrace: () =>
    Option.String("--tombstone-grace", { description: "AGE how long what was deleted stays in the trash (default: 7d)" }),
  orphanAge: () =>
    Option.String("--orphan-age", { description: "AGE how long chunks that no version names are left alone (default: 1h)" }),
  keepVersions: () =>
    Option.String("--keep-versions", { description: "K earlier versions of a file that are kept (default: 10)" }),
  keepFor: () =>
    Option.String("--keep-for", {
      description: "AGE … those superseded longer ago go with the file's next change; off: none goes for its age (default: off)",
    }),
};

export interface RetentionFlags {
  readonly tombstoneGrace: string | undefined;
  readonly orphanAge: string | undefined;
  readonly keepVersions: string | undefined;
  readonly keepFor: string | undefined;
}

/** Of a head, which is small. */
const KEEP_VERSIONS_MAX = 1_000;
/** No version goes for its age. */
const FOR_EVER = "off";

/** @throws QdfsError BAD_USAGE */
export function retentionOf({ tombstoneGrace, orphanAge, keepVersions, keepFor }: RetentionFlags): Retention {
  return {
    tombstoneGraceMs: tombstoneGrace === undefined ? undefined : parseAge(tombstoneGrace, "--tombstone-grace"),
    orphanAgeMs: orphanAge === undefined ? undefined : parseAge(orphanAge, "--orphan-age"),
    keepVersions: keepVersions === undefined ? undefined : parseCount(keepVersions, "--keep-versions", 0, KEEP_VERSIONS_MAX),
    keepForMs: keepFor === undefined ? undefined : keepFor === FOR_EVER ? 0 : parseAge(keepFor, "--keep-for"),
  };
}

/** As arguments of `qdfs supernode`. */
export function retentionArguments(flags: RetentionFlags): readonly string[] {
  const { tombstoneGrace, orphanAge, keepVersions, keepFor } = flags;
  return [
    ...(tombstoneGrace === undefined ? [] : ["--tombstone-grace", tombstoneGrace]),
    ...(orphanAge === undefined ? [] : ["--orphan-age", orphanAge]),
    ...(keepVersions === undefined ? [] : ["--keep-versions", keepVersions]),
    ...(keepFor === undefined ? [] : ["--keep-for", keepFor]),
  ];
}

function parseAge(text: string, flag: string): number {
  const ageMs = parseDuration(text);
  if (ageMs < 1) throw new QdfsError("BAD_USAGE", `${flag} takes a duration, as in 7d, of at least 1ms`);
  return ageMs;
}
