import { RECONNECT_BASE_MS, RECONNECT_MAX_MS } from "../limits.ts";
import type { Random } from "../ports.ts";

/** How long to wait after `failures` failed attempts before this one: half to all of a doubling span. */
export function reconnectDelayMs(failures: number, random: Random): number {
  const spanMs = Math.min(RECONNECT_BASE_MS * 2 ** Math.min(failures, 30), RECONNECT_MAX_MS);
  return spanMs * (0.5 + random.unit() / 2);
}
