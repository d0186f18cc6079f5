/** What share of the operations is of which kind. The four named mixes are the four client types of the course report. */
import type { Random } from "../ports.ts";

export const KINDS = ["put", "get", "ls"] as const;
export type Kind = (typeof KINDS)[number];

/** Parts of 100. */
export interface Mix {
  readonly name: string;
  readonly get: number;
  readonly put: number;
  readonly ls: number;
}

const mix = (name: string, get: number, put: number, ls: number): Mix => ({ name, get, put, ls });

export const MIXES = {
  "read-heavy": mix("read-heavy", 90, 10, 0),
  "write-heavy": mix("write-heavy", 10, 90, 0),
  balanced: mix("balanced", 50, 50, 0),
  "state-query": mix("state-query", 0, 0, 100),
} as const satisfies Record<string, Mix>;

export const SINGLES = {
  put: mix("put-only", 0, 100, 0),
  get: mix("get-only", 100, 0, 0),
} as const satisfies Record<string, Mix>;

export function isMixName(text: string): text is keyof typeof MIXES {
  return Object.hasOwn(MIXES, text);
}

export function isSingle(text: string): text is keyof typeof SINGLES {
  return Object.hasOwn(SINGLES, text);
}

export function drawKind(mix: Mix, random: Random): Kind {
  if (mix.ls === 100) return "ls";
  const drawn = random.unit() * 100;
  if (drawn < mix.get) return "get";
  return drawn < mix.get + mix.put ? "put" : "ls";
}

/** Whether the files must be there before the clock starts. */
export function needsFiles(mix: Mix): boolean {
  return mix.get > 0 || mix.ls > 0;
}
