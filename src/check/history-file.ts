/**
 * A history as a file: one JSON object a line, the operations as `bench --history` writes them (CLI.md) with the further fields of
 * `history.ts` where they say something, listings as `{"client","kind":"ls",…}`. Lines in any order.
 */
import { messageOf, QdfsError } from "../base/errors.ts";
import type { Precondition, RecordedGuarantee, RecordedListing, RecordedOperation, Refusal } from "./history.ts";

/** Without the line end. */
export function historyLine(recorded: RecordedOperation | RecordedListing): string {
  return JSON.stringify(recorded);
}

/** @throws QdfsError BAD_USAGE: what is wrong with the line, without its number */
export function parseHistoryLine(line: string): RecordedOperation | RecordedListing {
  const fields = new Fields(parsed(line));
  const kind = fields.oneOf("kind", ["put", "get", "rm", "restore", "ls"]);
  return kind === "ls" ? listingOf(fields) : operationOf(kind, fields);
}

const GUARANTEES: readonly RecordedGuarantee[] = ["linearizable", "early-ack", "eventual"];
const REFUSALS: readonly Refusal[] = ["exists", "version-differs", "not-found"];

function operationOf(kind: RecordedOperation["kind"], fields: Fields): RecordedOperation {
  const outcome = fields.oneOf("outcome", ["ok", "fail", "unknown"]);
  const callNs = fields.number("callNs");
  const returnNs = fields.orNull("returnNs", () => fields.number("returnNs"));
  if ((returnNs === null) !== (outcome === "unknown")) throw bad(`"returnNs" is null if and only if the outcome is unknown`);
  if (returnNs !== null && returnNs < callNs) throw bad(`"returnNs" is before "callNs"`);
  if (fields.has("refusal") && outcome !== "fail") throw bad(`"refusal" belongs to the outcome fail`);
  return {
    client: fields.number("client"),
    kind,
    path: fields.text("path"),
    version: fields.orNull("version", () => fields.version("version")),
    valueId: fields.orNull("valueId", () => fields.text("valueId")),
    callNs,
    returnNs,
    outcome,
    ...(fields.has("precondition") ? { precondition: preconditionOf(fields.inner("precondition")) } : {}),
    ...(fields.has("of") || kind === "restore" ? { of: fields.version("of") } : {}),
    ...(fields.has("refusal") ? { refusal: fields.oneOf("refusal", REFUSALS) } : {}),
    ...guaranteeOf(fields),
  };
}

function listingOf(fields: Fields): RecordedListing {
  return {
    client: fields.number("client"),
    kind: "ls",
    path: fields.text("path"),
    callNs: fields.number("callNs"),
    returnNs: fields.number("returnNs"),
    entries: fields.list("entries").map((entry) => ({ path: entry.text("path"), version: entry.version("version") })),
    ...(fields.has("complete") ? { complete: fields.boolean("complete") } : {}),
    ...guaranteeOf(fields),
  };
}

function guaranteeOf(fields: Fields): { readonly guarantee?: RecordedGuarantee } {
  return fields.has("guarantee") ? { guarantee: fields.oneOf("guarantee", GUARANTEES) } : {};
}

function preconditionOf(fields: Fields): Precondition {
  if (!fields.has("absent")) return { version: fields.version("version") };
  if (!fields.boolean("absent")) throw bad(`"absent" can only be true`);
  return { absent: true };
}

/** One JSON object, read field by field. */
class Fields {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("it is not a JSON object");
    this.#fields = new Map(Object.entries(value));
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  /** Null where it is null or left out. */
  orNull<Value>(name: string, read: () => Value): Value | null {
    return (this.#fields.get(name) ?? null) === null ? null : read();
  }

  number(name: string): number {
    const value = this.#fields.get(name);
    if (typeof value !== "number") throw bad(`${JSON.stringify(name)} is not a number`);
    return value;
  }

  version(name: string): number {
    const value = this.number(name);
    if (!Number.isSafeInteger(value) || value < 0) throw bad(`${JSON.stringify(name)} is not a version number`);
    return value;
  }

  text(name: string): string {
    const value = this.#fields.get(name);
    if (typeof value !== "string") throw bad(`${JSON.stringify(name)} is not a text`);
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#fields.get(name);
    if (typeof value !== "boolean") throw bad(`${JSON.stringify(name)} is not true or false`);
    return value;
  }

  oneOf<Word extends string>(name: string, words: readonly Word[]): Word {
    const text = this.text(name);
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw bad(`${JSON.stringify(name)} is ${JSON.stringify(text)}, not one of ${words.join(", ")}`);
    return word;
  }

  inner(name: string): Fields {
    return new Fields(this.#fields.get(name));
  }

  list(name: string): readonly Fields[] {
    const value = this.#fields.get(name);
    if (!Array.isArray(value)) throw bad(`${JSON.stringify(name)} is not a list`);
    return value.map((element) => new Fields(element));
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw bad(`it is not JSON: ${messageOf(error)}`);
  }
}

function bad(message: string): QdfsError {
  return new QdfsError("BAD_USAGE", message);
}
