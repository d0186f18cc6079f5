import { QdfsError } from "../base/errors.ts";
import { nodeName, type Path } from "../base/ids.ts";
import { OPERATION_BUDGET_MS } from "../limits.ts";
import { type MutatePorts, type Mutation, mutate } from "./mutate.ts";
import { expectedVersion } from "./put.ts";
import type { ChangeResult, RemoveOptions } from "./types.ts";

/** A change without bytes: a removal, or (a version's number) a restoration. */
export async function change(
  ports: MutatePorts,
  path: Path,
  what: "remove" | { readonly restore: number },
  { ifVersion, by = "", timeoutMs }: RemoveOptions,
): Promise<ChangeResult> {
  const { clock } = ports.runtime;
  const startedMs = clock.monotonicMs();
  const writtenAtMs = clock.wallMs();
  const mutation: Mutation = {
    path,
    change:
      what === "remove"
        ? { remove: { writtenAtMs, by } }
        : { restore: { version: versionNumber(what.restore), writtenAtMs, by } },
    precondition: ifVersion === undefined ? undefined : expectedVersion(ifVersion),
    ack: 0,
    budgetMs: timeoutMs ?? OPERATION_BUDGET_MS,
  };
  const done = await mutate(ports, mutation);
  return { path, version: done.version, elapsedMs: clock.monotonicMs() - startedMs, node: nodeName(done.coordinator) };
}

function versionNumber(version: number): number {
  if (Number.isSafeInteger(version) && version >= 1) return version;
  throw new QdfsError("BAD_USAGE", `versions begin at 1, not ${version}`);
}
