/** What a program hands to the client, before anything is sent: a value that no message can carry is refused here, by its name. */
import { QdfsError } from "../base/errors.ts";
import { DATE_MS_MAX } from "../limits.ts";
import type { GetOptions, OperationOptions, PutOptions, RemoveOptions } from "./types.ts";

type AnyOptions = OperationOptions & Partial<PutOptions & GetOptions & RemoveOptions>;

/** Timers count in 32 bits, with a sign. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
const MODE_MAX = 0o7777;

/** Returns the options. @throws QdfsError BAD_USAGE naming the first that cannot be */
export function checkedOptions<Options extends AnyOptions>(options: Options): Options {
  const { timeoutMs, version, modifiedAtMs, mode, contentType, by, ifVersion, metadata } = options;
  if (timeoutMs !== undefined && !(timeoutMs >= 1 && timeoutMs <= TIMEOUT_MS_MAX)) throw bad("timeoutMs", timeoutMs);
  if (version !== undefined && !(Number.isSafeInteger(version) && version >= 0)) throw bad("version", version);
  if (modifiedAtMs !== undefined && !(Math.abs(modifiedAtMs) <= DATE_MS_MAX)) throw bad("modifiedAtMs", modifiedAtMs);
  if (mode !== undefined && !(Number.isInteger(mode) && mode >= 0 && mode <= MODE_MAX)) throw bad("mode", mode);
  checkText("contentType", contentType);
  checkText("by", by);
  checkText("ifVersion", ifVersion?.random);
  if (metadata !== undefined) for (const text of Object.entries(metadata).flat()) checkText("metadata", text);
  return options;
}

function checkText(name: string, text: string | undefined): void {
  if (text !== undefined && !text.isWellFormed()) throw bad(name, text);
}

function bad(name: string, value: unknown): QdfsError {
  return new QdfsError("BAD_USAGE", `${name} cannot be ${typeof value === "string" ? JSON.stringify(value) : String(value)}`);
}
