/** A small reproducible generator (sfc32): good enough for tests and simulation, never for secrets. */
import type { Random } from "../ports.ts";

/** Any finite number is a seed; neighbouring seeds give unrelated sequences. */
export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9;
  let b = seed | 0;
  let c = Math.floor(seed / 2 ** 32) | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let warmUp = 0; warmUp < 15; warmUp += 1) next();
  return {
    unit: () => next() / 2 ** 32,
    hex: (digits) => {
      let text = "";
      while (text.length < digits) text += next().toString(16).padStart(8, "0");
      return text.slice(0, digits);
    },
  };
}
