/** Which part of something a process does when several share it: items index, index + of, index + 2 × of … */
export interface Share {
  /** 0 … of - 1. */
  readonly index: number;
  readonly of: number;
}

export const ALL: Share = { index: 0, of: 1 };
