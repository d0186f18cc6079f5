/**
 * Change functions: from the head that R promises showed to the head that is proposed, or to the outcome that is answered
 * without proposing (CASPaxos, Rystsov 2018). Pure: what they need to know is in their arguments.
 */
import { assert, type ErrorCode } from "../base/errors.ts";
import { HISTORY_BYTES_MAX, WINDOW_OPERATIONS } from "../limits.ts";
import type { Head, Mutate, OperationId, Outcome, Precondition, Version } from "../wire/messages.ts";

/** Where the inline bytes of a proposed head come from. */
export type ContentSource =
  | { readonly from: "mutation" }
  | { readonly from: "version"; readonly version: Version }
  | { readonly from: "nowhere" };

export type Decision =
  /** The operation stands in the window: this was its outcome (P12). */
  | { readonly kind: "recorded"; readonly outcome: Outcome; readonly version: Version | null }
  /** Older than what the window has forgotten: it cannot be told whether it was done before (P12). Nothing is proposed. */
  | { readonly kind: "stale" }
  /** A precondition does not hold. On a later attempt `head` is proposed to record that (P13). */
  | { readonly kind: "refused"; readonly outcome: Outcome; readonly head: Head; readonly content: ContentSource }
  | {
      readonly kind: "changed";
      readonly outcome: Outcome;
      readonly version: Version;
      readonly head: Head;
      readonly content: ContentSource;
    };

/** What stands for a file that was never written (or was erased). `forgotten` comes from the replicas' absent answers (P14). */
export function absentHead(forgotten: number): Head {
  return { current: NO_VERSION, history: [], window: [], forgotten };
}

/** Version 0, the predecessor of version 1. Also what carries a recorded refusal for a file that does not exist. */
const NO_VERSION: Version = {
  version: 0,
  tombstone: true,
  operation: { stamp: 0, random: "" },
  sizeBytes: 0,
  modifiedAtMs: 0,
  writtenAtMs: 0,
  checksum: "",
  contentType: "",
  metadata: {},
  mode: 0,
  by: "",
  chunks: null,
};

/** A head that names one version and nothing else: by which the bytes of that version can be verified wherever they lie. */
export function headAlone(version: Version): Head {
  return { current: version, history: [], window: [], forgotten: 0 };
}

/** The newest stamp that the head knows: what is forgotten when it is erased (P14). */
export function newestStamp({ current, window, forgotten }: Head): number {
  return window.reduce(
    (newest, { operation }) => Math.max(newest, operation.stamp),
    Math.max(forgotten, current.operation.stamp),
  );
}

export function isLive(head: Head | undefined): head is Head {
  return head !== undefined && !head.current.tombstone;
}

/** True for a version whose bytes lie in the replica's row. */
export function isInline(version: Version): boolean {
  return !version.tombstone && version.chunks === null;
}

export function sameOperation(a: OperationId, b: OperationId): boolean {
  return a.random === b.random && a.stamp === b.stamp;
}

/** Version `number` of the file if it is kept; 0 is the current one, tombstone or not. */
export function keptVersion(head: Head, number: number): Version | undefined {
  if (number === 0 || number === head.current.version) return head.current;
  return head.history.find((version) => version.version === number);
}

/**
 * Decides a mutation against the known-chosen head `base`. The id is looked up before any precondition (P12). `keepSinceMs`: versions that were
 * superseded before then (Unix epoch, by the clock of whoever wrote the next one) are kept no longer, whatever their number; 0: all are.
 */
export function decide(base: Head, mutate: Mutate, keepVersions: number, keepSinceMs = 0): Decision {
  const recorded = base.window.find((outcome) => sameOperation(outcome.operation, mutate.operation));
  if (recorded !== undefined) {
    return { kind: "recorded", outcome: recorded, version: recorded.refusal === "" ? (madeBy(base, recorded) ?? null) : null };
  }
  if (mutate.operation.stamp <= base.forgotten) return { kind: "stale" };

  const refusal = refusalOf(base, mutate);
  if (refusal !== undefined) {
    const outcome: Outcome = { operation: plainId(mutate.operation), refusal, version: base.current.version };
    const content: ContentSource = isInline(base.current) ? { from: "version", version: base.current } : { from: "nowhere" };
    return { kind: "refused", outcome, head: { ...base, ...remember(base, outcome) }, content };
  }

  const { version, content } = nextVersion(base, mutate);
  const outcome: Outcome = { operation: version.operation, refusal: "", version: version.version };
  const head: Head = { current: version, history: historyAfter(base, keepVersions, keepSinceMs), ...remember(base, outcome) };
  return { kind: "changed", outcome, version, head, content };
}

function madeBy(head: Head, outcome: Outcome): Version | undefined {
  return [head.current, ...head.history].find((version) => sameOperation(version.operation, outcome.operation));
}

function refusalOf(base: Head, mutate: Mutate): ErrorCode | undefined {
  const live = isLive(base);
  if (mutate.precondition) {
    const refusal = preconditionRefusal(base, mutate.precondition);
    if (refusal !== undefined) return refusal;
  }
  if (mutate.remove && !live) return "NOT_FOUND";
  if (mutate.restore) {
    const version = keptVersion(base, mutate.restore.version);
    if (version === undefined || version.tombstone) return "NOT_FOUND";
  }
  return undefined;
}

function preconditionRefusal(base: Head, precondition: Precondition): ErrorCode | undefined {
  if (precondition.absent && isLive(base)) return "ALREADY_EXISTS";
  if (precondition.version > 0) {
    const same = base.current.version === precondition.version;
    const sameMaker = precondition.random === "" || base.current.operation.random === precondition.random;
    if (!same || !sameMaker) return "VERSION_DIFFERS";
  }
  return undefined;
}

function nextVersion(base: Head, mutate: Mutate): { version: Version; content: ContentSource } {
  const version = base.current.version + 1;
  const operation = plainId(mutate.operation);
  if (mutate.put) {
    const made = plainVersion(mutate.put.version, version, operation);
    return { version: made, content: made.chunks === null ? { from: "mutation" } : { from: "nowhere" } };
  }
  if (mutate.remove) {
    const { writtenAtMs, by } = mutate.remove;
    return {
      version: { ...NO_VERSION, version, operation, writtenAtMs, modifiedAtMs: writtenAtMs, by },
      content: { from: "nowhere" },
    };
  }
  assert(mutate.restore !== null && mutate.restore !== undefined, "a mutation puts, removes or restores");
  const source = keptVersion(base, mutate.restore.version);
  assert(source !== undefined && !source.tombstone, "refusalOf has looked the restored version up");
  const { writtenAtMs, by } = mutate.restore;
  return {
    version: { ...source, version, operation, writtenAtMs, by },
    content: isInline(source) ? { from: "version", version: source } : { from: "nowhere" },
  };
}

/** A decoded batch's parts hold defaults on their prototypes: they are copied field by field. */
function plainId(id: OperationId): OperationId {
  return { stamp: id.stamp, random: id.random };
}

function plainVersion(facts: Version, version: number, operation: OperationId): Version {
  const { chunks } = facts;
  return {
    version,
    tombstone: false,
    operation,
    sizeBytes: facts.sizeBytes,
    modifiedAtMs: facts.modifiedAtMs,
    writtenAtMs: facts.writtenAtMs,
    checksum: facts.checksum,
    contentType: facts.contentType,
    metadata: facts.metadata,
    mode: facts.mode,
    by: facts.by,
    chunks: chunks
      ? { upload: chunks.upload, chunkSizeBytes: chunks.chunkSizeBytes, checksums: new Uint8Array(chunks.checksums) }
      : null,
  };
}

/** Newest first, bounded by count, by age and by the bytes of their chunk lists. What is superseded just now is of no age. */
function historyAfter(base: Head, keepVersions: number, keepSinceMs: number): readonly Version[] {
  if (base.current.version === 0) return base.history;
  const history: Version[] = [];
  let sizeBytes = 0;
  let supersededMs = Number.POSITIVE_INFINITY;
  for (const version of [base.current, ...base.history]) {
    if (supersededMs < keepSinceMs) break;
    supersededMs = version.writtenAtMs;
    sizeBytes += historyBytes(version);
    if (history.length >= keepVersions || sizeBytes > HISTORY_BYTES_MAX) break;
    history.push(version);
  }
  return history;
}

/** An estimate from above of a version's encoded size. */
function historyBytes(version: Version): number {
  let metadata = 0;
  for (const [key, value] of Object.entries(version.metadata)) metadata += 3 * (key.length + value.length) + 8;
  return 200 + (version.chunks?.checksums.length ?? 0) + metadata + 3 * (version.by.length + version.contentType.length);
}

/** The window after one more operation: evicts the smallest stamp and never forgets what it forgot (P12). */
function remember(base: Head, outcome: Outcome): Pick<Head, "window" | "forgotten"> {
  const window = [...base.window, outcome];
  let { forgotten } = base;
  while (window.length > WINDOW_OPERATIONS) {
    let oldest = 0;
    for (let i = 1; i < window.length; i += 1) {
      if ((window[i]?.operation.stamp ?? 0) < (window[oldest]?.operation.stamp ?? 0)) oldest = i;
    }
    const [evicted] = window.splice(oldest, 1);
    forgotten = Math.max(forgotten, evicted?.operation.stamp ?? 0);
  }
  return { window, forgotten };
}
