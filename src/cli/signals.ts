/** SIGINT and SIGTERM: a command ends at once (130), unless it listens itself: servers drain, bench prints what it has. */
import { Exit, QdfsError } from "../base/errors.ts";
import { reportFailure } from "./failure.ts";
import { removeTemporaries } from "./local-target.ts";

export type Stop = "SIGINT" | "SIGTERM";
const STOPS: readonly Stop[] = ["SIGINT", "SIGTERM"];

/** To be called once, before a command runs. */
export function watchSignals(json: boolean): void {
  for (const signal of STOPS) {
    process.on(signal, () => {
      if (process.listenerCount(signal) > 1) return;
      removeTemporaries();
      reportFailure(new QdfsError("INTERRUPTED", `interrupted by ${signal}`), json);
      process.exit(Exit.INTERRUPTED);
    });
  }
}

/** From now on signals go to `handler`, until the process ends. */
export function takeSignals(handler: (signal: Stop) => void): void {
  for (const signal of STOPS) process.on(signal, () => handler(signal));
}
