/** A fault that comes and goes. */
import type { Clock, Timers } from "../ports.ts";

/** Back and forth for `forMs`; what is returned ends it, and leaves it as after `come`. */
export function repeatedly(
  { clock, timers }: { readonly clock: Clock; readonly timers: Timers },
  awayMs: number,
  presentMs: number,
  forMs: number,
  { go, come }: { readonly go: () => void; readonly come: () => void },
): () => void {
  const endMs = clock.monotonicMs() + forMs;
  let ended = false;
  const step = (): void => {
    if (ended || clock.monotonicMs() >= endMs) return;
    go();
    timers.after(awayMs, () => {
      if (ended) return;
      come();
      timers.after(presentMs, step);
    });
  };
  step();
  return () => {
    ended = true;
    come();
  };
}
