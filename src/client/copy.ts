import { codeOf, QdfsError } from "../base/errors.ts";
import type { Path } from "../base/ids.ts";
import { change } from "./change.ts";
import { get } from "./get.ts";
import { type PutPorts, put } from "./put.ts";
import type { ChangeOptions, ChangeResult, PutResult } from "./types.ts";

/** A new register with its own bytes: chunks belong to one path (P21). Keeps times, permission bits, type and metadata. */
export async function copy(ports: PutPorts, from: Path, to: Path, options: ChangeOptions): Promise<PutResult> {
  return (await copied(ports, from, to, options)).put;
}

/**
 * Copies, then removes the source if it still is what was copied: a crash between leaves both, never neither.
 * @throws QdfsError VERSION_DIFFERS when the source changed meanwhile: then the target has its earlier content
 */
export async function move(ports: PutPorts, from: Path, to: Path, options: ChangeOptions): Promise<ChangeResult> {
  const { put: made, source } = await copied(ports, from, to, options);
  const ifVersion = { version: source.version, random: source.operation.random };
  try {
    await change(ports, from, "remove", { ...options, ifVersion });
  } catch (error) {
    if (codeOf(error) !== "VERSION_DIFFERS") throw error;
    throw new QdfsError(
      "VERSION_DIFFERS",
      `${from} was changed or removed by somebody else while it was moved; ${to} has what it was before`,
      {
        from,
        to,
      },
    );
  }
  return { path: to, version: made.version, elapsedMs: made.elapsedMs, node: made.node };
}

async function copied(ports: PutPorts, from: Path, to: Path, options: ChangeOptions) {
  if (from === to) throw new QdfsError("BAD_USAGE", `${from}: source and target are the same file`);
  const { version: source, passingBody } = await get(ports, from, { timeoutMs: options.timeoutMs });
  const result = await put(ports, to, passingBody, {
    timeoutMs: options.timeoutMs,
    by: options.by,
    sizeHintBytes: source.sizeBytes,
    modifiedAtMs: source.modifiedAtMs,
    mode: source.mode,
    contentType: source.contentType,
    metadata: source.metadata,
  });
  return { put: result, source };
}
