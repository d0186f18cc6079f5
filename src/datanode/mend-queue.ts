/**
 * Things to be mended, each once: a few at a time, and again after a growing pause for as long as that did not help. Bounded for
 * those who only suspect; what is known to be bad is never forgotten.
 */
import { MEND_RETRY_BASE_MS, MEND_RETRY_MAX_MS } from "../limits.ts";
import type { Cancel, Runtime } from "../ports.ts";

interface Entry {
  tries: number;
  dueMs: number;
  /** Told what the next try came to. */
  readonly waiting: ((mended: boolean) => void)[];
}

export interface MendQueueOptions<Key> {
  readonly runtime: Runtime;
  /** One try; true when nothing is left to be done. Rejects with what is to end the process. */
  readonly run: (key: Key, tries: number) => Promise<boolean>;
  readonly inFlight: number;
  readonly onFatal: (error: unknown) => void;
}

export class MendQueue<Key> {
  readonly #options: MendQueueOptions<Key>;
  readonly #ready = new Map<Key, Entry>();
  readonly #later = new Map<Key, Entry>();
  readonly #running = new Map<Key, Promise<void>>();
  /** What came while it was being tried: that try may have looked already. */
  readonly #again = new Map<Key, Entry>();
  #timer: { readonly dueMs: number; readonly cancel: Cancel } | undefined;
  #stopped = false;

  constructor(options: MendQueueOptions<Key>) {
    this.#options = options;
  }

  /** Entries of any kind. */
  get size(): number {
    return this.#ready.size + this.#later.size + this.#running.size;
  }

  /** Entries whose first try has not ended. */
  get untried(): number {
    let count = this.#again.size;
    for (const { tries } of this.#ready.values()) if (tries === 0) count += 1;
    for (const { tries } of this.#later.values()) if (tries === 0) count += 1;
    return count + this.#running.size;
  }

  has(key: Key): boolean {
    return this.#ready.has(key) || this.#later.has(key) || this.#running.has(key);
  }

  /** To be tried after `delayMs`, unless it waits already for its next try. */
  add(key: Key, delayMs = 0): void {
    if ((this.#later.get(key)?.tries ?? 0) === 0) this.#put(key, delayMs);
  }

  /** Has it tried next, and resolves with what that came to: true when nothing is left to be done. */
  now(key: Key): Promise<boolean> {
    return new Promise((resolve) => this.#put(key, 0).waiting.push(resolve));
  }

  /** A peer is back: what waits because nobody could help is tried again. */
  hurry(): void {
    for (const [key, entry] of this.#later) {
      if (entry.tries === 0) continue;
      this.#later.delete(key);
      this.#ready.set(key, entry);
    }
    this.#pump();
  }

  /** No more tries begin; resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await Promise.all(this.#running.values());
  }

  #put(key: Key, delayMs: number): Entry {
    const dueMs = this.#options.runtime.clock.monotonicMs() + delayMs;
    const fresh = (): Entry => ({ tries: 0, dueMs, waiting: [] });
    if (this.#running.has(key)) {
      const again = this.#again.get(key) ?? fresh();
      this.#again.set(key, again);
      return again;
    }
    const ready = this.#ready.get(key);
    if (ready !== undefined) return ready;
    const entry = this.#later.get(key) ?? fresh();
    entry.dueMs = Math.min(entry.dueMs, dueMs);
    this.#schedule(key, entry);
    return entry;
  }

  #schedule(key: Key, entry: Entry): void {
    if (entry.dueMs <= this.#options.runtime.clock.monotonicMs()) {
      this.#later.delete(key);
      this.#ready.set(key, entry);
      this.#pump();
    } else {
      this.#later.set(key, entry);
      this.#arm(entry.dueMs);
    }
  }

  #arm(dueMs: number): void {
    if (this.#stopped || (this.#timer !== undefined && this.#timer.dueMs <= dueMs)) return;
    this.#timer?.cancel();
    const { clock, timers } = this.#options.runtime;
    const cancel = timers.after(Math.max(1, dueMs - clock.monotonicMs()), () => this.#due());
    this.#timer = { dueMs, cancel };
  }

  #due(): void {
    this.#timer = undefined;
    const nowMs = this.#options.runtime.clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const [key, entry] of this.#later) {
      if (entry.dueMs <= nowMs) {
        this.#later.delete(key);
        this.#ready.set(key, entry);
      } else next = Math.min(next, entry.dueMs);
    }
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
    this.#pump();
  }

  #pump(): void {
    for (const [key, entry] of this.#ready) {
      if (this.#stopped || this.#running.size >= this.#options.inFlight) return;
      this.#ready.delete(key);
      const running = this.#try(key, entry).catch(this.#options.onFatal);
      this.#running.set(key, running);
    }
  }

  async #try(key: Key, entry: Entry): Promise<void> {
    await undefined; // it is among the running first
    const { runtime, run } = this.#options;
    let mended = false;
    try {
      mended = await run(key, entry.tries);
    } finally {
      this.#running.delete(key);
      for (const told of entry.waiting.splice(0)) told(mended);
      this.#next(key, entry, mended, runtime);
    }
  }

  #next(key: Key, entry: Entry, mended: boolean, { clock, random }: Runtime): void {
    const again = this.#again.get(key);
    this.#again.delete(key);
    if (again !== undefined) this.#schedule(key, again);
    else if (!mended) {
      entry.tries += 1;
      const pauseMs = Math.min(MEND_RETRY_MAX_MS, MEND_RETRY_BASE_MS * 2 ** Math.min(entry.tries - 1, 20));
      entry.dueMs = clock.monotonicMs() + pauseMs * (0.5 + random.unit() / 2);
      this.#schedule(key, entry);
    }
    this.#pump();
  }
}
