/** Progress bars: on a terminal's stderr only. */
import type { Output } from "./output.ts";

export interface Progress {
  /** How much is done by now, in the bar's unit. */
  update(done: number): void;
  stop(): void;
}

const NONE: Progress = { update: () => {}, stop: () => {} };

/**
 * A bar for so many bytes or files; nothing when stderr is no terminal, or under -q or --json. `total` 0: not known.
 */
export async function startProgress(output: Output, label: string, unit: "bytes" | "files", total: number): Promise<Progress> {
  const { json, quiet } = output.options;
  if (json || quiet || process.stderr.isTTY !== true || process.env.TERM === "dumb") return NONE;
  const [{ SingleBar }, { formatCount, formatSize }] = await Promise.all([import("cli-progress"), import("../base/units.ts")]);
  const show = unit === "bytes" ? formatSize : formatCount;
  const bar = new SingleBar({
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 50,
    fps: 8,
    format: (_options, state) => {
      const width = 30;
      const filled = Math.round(width * Math.min(1, state.progress));
      const drawn =
        total > 0 ? `[${"=".repeat(filled)}${" ".repeat(width - filled)}] ${Math.floor(state.progress * 100)}%  ` : "";
      return `${label}  ${drawn}${show(state.value)}${total > 0 ? ` of ${show(total)}` : ` ${unit}`}`;
    },
  });
  bar.start(Math.max(total, 1), 0);
  return { update: (done) => bar.update(done), stop: () => bar.stop() };
}
