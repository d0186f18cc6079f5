/** One planned operation through a client, and what is written down of it. */

import { type ErrorCode, isDefinite, messageOf, QdfsError } from "../base/errors.ts";
import type { Precondition, Refusal } from "../check/history.ts";
import type { Client } from "../client/client.ts";
import type { ListEntry } from "../wire/messages.ts";
import { contentOf, valueIdOf, writerOf } from "./contents.ts";
import type { PlannedOperation } from "./plan.ts";
import type { Call, Ending, Recorder } from "./recorder.ts";
import type { Violations } from "./violation.ts";

export const DIRECTORY = "/d";

const REFUSALS: Partial<Readonly<Record<ErrorCode, Refusal>>> = {
  ALREADY_EXISTS: "exists",
  VERSION_DIFFERS: "version-differs",
  NOT_FOUND: "not-found",
};

/** What an operation needs besides its plan. */
export interface OperationContext {
  readonly client: Client;
  readonly recorder: Recorder;
  readonly violations: Violations;
  /** Replicas of a file. */
  readonly n: number;
  /** The newest version of each file that this client has heard of. */
  readonly known: Map<string, number>;
  /** The client has died: nothing is written down any more. */
  readonly over: () => boolean;
}

/** An operation under way; `recorded` once it has been written down. */
export interface Running {
  readonly call: Call | undefined;
  readonly ended: Promise<string>;
}

/** Starts the operation; `ended` resolves with a few words on what became of it, and never rejects. */
export function start(operation: PlannedOperation, context: OperationContext): Running {
  const { kind } = operation;
  if (kind === "ls") return { call: undefined, ended: list(operation, context) };
  const planned = callOf(operation, context);
  const call: Call = { ...planned, callNs: context.recorder.moment() };
  return { call, ended: call.kind === "get" ? read(operation, call, context) : change(operation, call, context) };
}

function callOf({ kind, client, path, index, choice }: PlannedOperation, { known }: OperationContext): Omit<Call, "callNs"> {
  const near = (spread: number): number => Math.max(1, (known.get(path) ?? 0) - Math.floor(choice * spread));
  const expected = (): Precondition => ({ version: choice < 0.8 ? Math.max(1, known.get(path) ?? 1) : near(3) + 1 });
  const put = { client, path, kind: "put", valueId: valueIdOf(index) } as const;
  switch (kind) {
    case "put":
    case "put-early":
      return put;
    case "put-absent":
      return { ...put, precondition: { absent: true } };
    case "put-version":
      return { ...put, precondition: expected() };
    case "rm":
      return { client, path, kind: "rm" };
    case "rm-version":
      return { client, path, kind: "rm", precondition: expected() };
    case "restore":
      return { client, path, kind: "restore", of: near(4) };
    case "get-version":
      return { client, path, kind: "get", of: near(4) };
    case "get-eventual":
      return { client, path, kind: "get", guarantee: "eventual" };
    default:
      return { client, path, kind: "get" };
  }
}

// ------------------------------------------------------------------------------------------------------------ changes

async function change(operation: PlannedOperation, call: Call, context: OperationContext): Promise<string> {
  const { recorder, known } = context;
  let ending: Ending;
  let words: string;
  try {
    const { version, guarantee } = await changed(operation, call, context);
    ending = { outcome: "ok", version, guarantee };
    words = `version ${version}${guarantee === "linearizable" ? "" : ` ${guarantee}`}`;
    known.set(call.path, Math.max(version, known.get(call.path) ?? 0));
  } catch (error) {
    const code = operatingCode(error, context);
    if (context.over()) return code;
    ending = failed(code, error, call.kind);
    words = wordsOf(code, error);
    if (code === "CORRUPT" || code === "BAD_REQUEST") bug(error, context);
  }
  if (!context.over()) recorder.operation(call, ending);
  return words;
}

async function changed(
  { kind, budgetMs, sizeBytes, index, choice }: PlannedOperation,
  { path, precondition, of = 1 }: Call,
  { client, n }: OperationContext,
): Promise<{ version: number; guarantee: "linearizable" | "early-ack" | "eventual" }> {
  const timeoutMs = budgetMs;
  const ifVersion = precondition && "version" in precondition ? { ifVersion: { version: precondition.version } } : {};
  switch (kind) {
    case "rm":
    case "rm-version":
      return { ...(await client.remove(path, { timeoutMs, ...ifVersion })), guarantee: "linearizable" };
    case "restore":
      return { ...(await client.restore(path, of, { timeoutMs })), guarantee: "linearizable" };
    default: {
      const ack = kind === "put-early" ? { ack: 1 + Math.floor(choice * n) } : {};
      const ifAbsent = precondition !== undefined && "absent" in precondition;
      return await client.put(path, contentOf(index, sizeBytes), { timeoutMs, ifAbsent, ...ifVersion, ...ack });
    }
  }
}

function failed(code: ErrorCode, error: unknown, kind: Call["kind"]): Ending {
  const refusal = REFUSALS[code];
  if (refusal !== undefined) {
    const version = error instanceof QdfsError && kind !== "restore" ? error.details.version : null;
    return { outcome: "fail", refusal, version: typeof version === "number" ? version : null };
  }
  return { outcome: isDefinite(code) ? "fail" : "unknown", version: null };
}

// -------------------------------------------------------------------------------------------------------------- reads

async function read(operation: PlannedOperation, call: Call, context: OperationContext): Promise<string> {
  const { recorder, known } = context;
  try {
    const found = await found_(operation, call, context);
    if (context.over()) return "";
    recorder.operation(call, { outcome: "ok", ...found });
    if (found.version !== null && call.of === undefined) known.set(call.path, Math.max(found.version, known.get(call.path) ?? 0));
    return found.version === null ? "nothing" : `version ${found.version}${found.valueId ? ` ${found.valueId}` : ""}`;
  } catch (error) {
    const code = operatingCode(error, context);
    if (context.over()) return code;
    if (code === "NOT_FOUND") recorder.operation(call, { outcome: "ok", version: null, valueId: null });
    else recorder.operation(call, { outcome: "fail", version: null });
    if (code === "CORRUPT") bug(error, context);
    return wordsOf(code, error);
  }
}

type Found = { readonly version: number | null; readonly valueId: string | null };
const NOTHING: Found = { version: null, valueId: null };

async function found_({ kind, budgetMs }: PlannedOperation, { path, of = 0 }: Call, context: OperationContext): Promise<Found> {
  const { client } = context;
  const timeoutMs = budgetMs;
  switch (kind) {
    case "stat": {
      const { version } = await client.stat(path, { timeoutMs });
      return { version: version.version, valueId: null };
    }
    case "versions": {
      const [current] = await client.versions(path, { timeoutMs });
      return current === undefined || current.tombstone ? NOTHING : { version: current.version, valueId: null };
    }
    default: {
      const consistency = kind === "get-eventual" ? "eventual" : "strong";
      const { version, bytes } = await client.read(path, { timeoutMs, version: of, consistency });
      return { version: version.version, valueId: contentRead(path, bytes, context) };
    }
  }
}

/** I10: bytes that fail their checksum never reach a user. */
function contentRead(path: string, bytes: Uint8Array, { violations }: OperationContext): string | null {
  const writer = writerOf(bytes);
  if (writer !== undefined) return valueIdOf(writer);
  violations.found("I10", `a read of ${path} returned ${bytes.length} bytes that nobody wrote`);
  return null;
}

async function list({ client: number }: PlannedOperation, context: OperationContext): Promise<string> {
  const { client, recorder } = context;
  const callNs = recorder.moment();
  try {
    const { entries, incomplete } = await listAll(client);
    if (!context.over()) recorder.listing({ client: number, path: DIRECTORY, callNs, entries, complete: incomplete === "" });
    return `${entries.length} files${incomplete === "" ? "" : ", perhaps not all"}`;
  } catch (error) {
    return wordsOf(operatingCode(error, context), error);
  }
}

export async function listAll(client: Client): Promise<{ readonly entries: readonly ListEntry[]; readonly incomplete: string }> {
  const listing = client.list(DIRECTORY, { recursive: true });
  const entries: ListEntry[] = [];
  for await (const entry of listing) if (!entry.directory) entries.push(entry);
  return { entries, incomplete: listing.incomplete };
}

// ----------------------------------------------------------------------------------------------------------- failures

function wordsOf(code: ErrorCode, error: unknown): string {
  return `${code}: ${messageOf(error)}`;
}

function operatingCode(error: unknown, context: OperationContext): ErrorCode {
  if (error instanceof QdfsError && error.code !== "BUG") return error.code;
  bug(error, context);
  return "BUG";
}

function bug(error: unknown, { violations }: OperationContext): void {
  const words = error instanceof Error ? `${error.message}` : String(error);
  violations.found("bug", `an operation ended with ${words}`);
}
