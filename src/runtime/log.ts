/** Log lines for people, on stderr: `12:34:56.789 warn  what happened  key=value …`. */
import type { Log } from "../ports.ts";

/** What is shown: nothing; warnings (the default of servers); what they do; everything. */
export type LogLevel = "quiet" | "warn" | "info" | "debug";

const RANK = { quiet: 0, warn: 1, info: 2, debug: 3 } as const satisfies Record<LogLevel, number>;

function shown(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value !== "object" || value === null) return String(value);
  return JSON.stringify(value);
}

/** One line, without its end. Never throws: what cannot be shown is named instead. */
export function logLine(
  wallMs: number,
  level: LogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): string {
  let line = `${new Date(wallMs).toISOString().slice(11, 23)} ${level.padEnd(5)} ${message.replaceAll("\n", " ")}`;
  for (const [name, value] of Object.entries(fields)) {
    try {
      line += ` ${name}=${shown(value)}`;
    } catch {
      line += ` ${name}=(unprintable)`;
    }
  }
  return line;
}

/** A Log that hands the lines at or above `level` to `write`. A line that cannot be written is lost, never an error. */
export function lineLog(level: LogLevel, wallMs: () => number, write: (line: string) => void): Log {
  const at =
    (rank: LogLevel): Log["info"] =>
    (message, fields) => {
      if (RANK[rank] > RANK[level]) return;
      try {
        write(logLine(wallMs(), rank, message, fields));
      } catch {
        // stderr may be closed; the work goes on
      }
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn") };
}
