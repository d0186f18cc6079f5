/**
 * What happened in a run: a digest over every step of virtual time and every event, and the events in words for who asks.
 * Two runs with one digest did the same things at the same moments.
 */
export class Trace {
  readonly #keep: boolean;
  readonly #nowMs: () => number;
  readonly #float = new Float64Array(1);
  readonly #halves = new Uint32Array(this.#float.buffer);
  #a = 0x811c9dc5;
  #b = 0x01000193;
  #steps = 0;
  readonly lines: string[] = [];

  /** `keep`: the lines too, not only the digest. */
  constructor(keep: boolean, nowMs: () => number) {
    this.#keep = keep;
    this.#nowMs = nowMs;
  }

  /** True when `say` is worth the words of things that happen often. */
  get verbose(): boolean {
    return this.#keep;
  }

  /** Steps of virtual time so far. */
  get steps(): number {
    return this.#steps;
  }

  step(atMs: number): void {
    this.#steps += 1;
    this.#float[0] = atMs;
    this.#mix(this.#halves[0] ?? 0);
    this.#mix(this.#halves[1] ?? 0);
  }

  /** An event that is part of the run: goes into the digest. */
  event(words: string): void {
    this.#mix(Bun.hash.xxHash32(words));
    this.say(words);
  }

  /** Words alone. */
  say(words: string): void {
    if (this.#keep) this.lines.push(`${this.#nowMs().toFixed(3).padStart(12)} ms  ${words}`);
  }

  /** 16 hex digits. */
  digest(): string {
    return [this.#a, this.#b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193) ^ (this.#b >>> 15);
    this.#b = Math.imul(this.#b ^ (word >>> 7) ^ this.#a, 0x85ebca6b) + 0x9e3779b9;
  }
}
