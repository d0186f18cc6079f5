import { QdfsError } from "../base/errors.ts";
import { nodeName, type Path } from "../base/ids.ts";
import { METADATA_BYTES_MAX, OPERATION_BUDGET_MS } from "../limits.ts";
import type { Precondition } from "../wire/messages.ts";
import { type MutatePorts, mutate } from "./mutate.ts";
import { type ReadPorts, readStrong } from "./read.ts";
import type { Content, ExpectedVersion, PutOptions, PutResult } from "./types.ts";
import { type UploadPorts, upload } from "./upload.ts";

export type PutPorts = MutatePorts & ReadPorts & UploadPorts;

/** Stores a new version. Its bytes are durable at W before its head is proposed, so a put that fails leaves nothing visible. */
export async function put(ports: PutPorts, path: Path, content: Content, options: PutOptions): Promise<PutResult> {
  const { clock } = ports.runtime;
  const startedMs = clock.monotonicMs();
  checkOptions(ports, options);
  const precondition = preconditionOf(options);
  const limit = timeLimit(ports, path, options);
  try {
    const uploaded = await upload(ports, {
      path,
      content,
      sizeHintBytes: options.sizeHintBytes ?? 0,
      signal: limit.signal,
      onProgress: options.onProgress,
      // A condition that does not hold now is cheaper to be told before a large upload; the register decides at the end.
      beforeChunks: async () => {
        if (precondition !== undefined) await checkPrecondition(ports, path, precondition);
      },
    });
    const { sizeBytes, checksum, chunks, inline } = uploaded;
    const nowMs = clock.wallMs();
    const version = {
      version: 0,
      tombstone: false,
      operation: { stamp: 0, random: "" },
      sizeBytes,
      checksum,
      chunks,
      modifiedAtMs: Math.round(options.modifiedAtMs ?? nowMs),
      writtenAtMs: nowMs,
      contentType: options.contentType ?? "",
      metadata: options.metadata ?? {},
      mode: options.mode ?? 0,
      by: options.by ?? "",
    };
    const spentMs = clock.monotonicMs() - startedMs;
    const done = await mutate(ports, {
      path,
      change: { put: { version, content: inline } },
      precondition,
      ack: options.ack ?? 0,
      budgetMs: options.timeoutMs === undefined ? OPERATION_BUDGET_MS : Math.max(1, options.timeoutMs - spentMs),
      signal: options.signal,
    });
    if (chunks === null) options.onProgress?.(sizeBytes);
    if (options.ack !== undefined && done.acks < options.ack) {
      throw new QdfsError(
        "OUTCOME_UNKNOWN",
        `${path}: version ${done.version} was made, but only ${done.acks} of the ${options.ack} replicas asked for have confirmed it`,
        { version: done.version, acks: done.acks },
      );
    }
    return {
      path,
      version: done.version,
      sizeBytes,
      checksum,
      guarantee: done.chosen ? "linearizable" : "early-ack",
      acks: done.acks,
      elapsedMs: clock.monotonicMs() - startedMs,
      node: nodeName(done.coordinator),
    };
  } finally {
    limit.clear();
  }
}

/** @throws QdfsError BAD_USAGE when no version or operation can be as expected */
export function expectedVersion({ version, random }: ExpectedVersion): Precondition {
  if (!Number.isSafeInteger(version) || version < 1) throw new QdfsError("BAD_USAGE", `versions begin at 1, not ${version}`);
  return { absent: false, version, random: random ?? "" };
}

function preconditionOf({ ifAbsent, ifVersion }: PutOptions): Precondition | undefined {
  if (ifAbsent && ifVersion !== undefined) throw new QdfsError("BAD_USAGE", "a put is either if-absent or if-version");
  if (ifAbsent) return { absent: true, version: 0, random: "" };
  return ifVersion === undefined ? undefined : expectedVersion(ifVersion);
}

function checkOptions({ holder }: PutPorts, { ack, metadata }: PutOptions): void {
  const { n } = holder.map.policy;
  if (ack !== undefined && (!Number.isInteger(ack) || ack < 1 || ack > n)) {
    throw new QdfsError("BAD_USAGE", `ack is 1 … ${n} (the number of replicas), not ${ack}`);
  }
  let metadataBytes = 0;
  for (const [key, value] of Object.entries(metadata ?? {})) metadataBytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (metadataBytes > METADATA_BYTES_MAX) {
    throw new QdfsError("BAD_USAGE", `metadata of ${metadataBytes} bytes, at most ${METADATA_BYTES_MAX} are allowed`);
  }
}

/** @throws QdfsError ALREADY_EXISTS, VERSION_DIFFERS */
async function checkPrecondition(ports: ReadPorts, path: Path, precondition: Precondition): Promise<void> {
  const { head } = await readStrong(ports, { path, version: 0, want: "head", budgetMs: OPERATION_BUDGET_MS });
  const current = head?.current;
  const version = current?.version ?? 0;
  if (precondition.absent && current !== undefined && !current.tombstone) {
    throw new QdfsError("ALREADY_EXISTS", `${path} exists (version ${version})`, { path, version });
  }
  const sameMaker = precondition.random === "" || current?.operation.random === precondition.random;
  if (precondition.version > 0 && (version !== precondition.version || !sameMaker)) {
    const message = `${path} has version ${version}, not the expected ${precondition.version}`;
    throw new QdfsError("VERSION_DIFFERS", message, { path, version, expected: precondition.version });
  }
}

/** The caller's signal and time limit as one signal, for the upload. */
function timeLimit({ runtime }: PutPorts, path: Path, { signal, timeoutMs }: PutOptions) {
  if (timeoutMs === undefined) return { signal, clear: () => {} };
  const limit = new AbortController();
  const forward = () => limit.abort(signal?.reason);
  const late = new QdfsError("DEADLINE", `${path}: not uploaded within ${timeoutMs} ms; nothing was done`, { timeoutMs });
  const cancel = runtime.timers.after(timeoutMs, () => limit.abort(late));
  signal?.addEventListener("abort", forward);
  if (signal?.aborted) forward();
  const clear = () => {
    cancel();
    signal?.removeEventListener("abort", forward);
  };
  return { signal: limit.signal, clear };
}
