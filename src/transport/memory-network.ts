/**
 * A network within one process: servers register by address, and what is sent between two places takes its time, is lost or
 * comes twice as the test or the simulator says. Time and chance come from a Runtime, so a seeded one replays exactly.
 */
import { QdfsError } from "../base/errors.ts";
import type { BulkHandler, Runtime } from "../ports.ts";
import type { ControlApi } from "./control-methods.ts";
import type { SessionService } from "./wire.ts";

/** One direction between two places. To be changed at any moment; what is under way when it is cut is lost. */
export interface Link {
  cut: boolean;
  /** Drawn for each message; differing delays reorder. */
  delayMs: () => number;
  /** Of the messages, 0 … 1. */
  dropShare: number;
  duplicateShare: number;
}

/** What a server offers, each under its own address. */
export interface MemoryServices {
  readonly sessions?: SessionService;
  readonly control?: ControlApi;
  readonly bulk?: BulkHandler;
}

export class MemoryListener {
  readonly address: string;
  readonly services: MemoryServices;
  readonly #onClose = new Set<() => void>();
  open = true;

  constructor(address: string, services: MemoryServices) {
    this.address = address;
    this.services = services;
  }

  /** Calls `run` when the server closes. Returns what takes that back. */
  whenClosed(run: () => void): () => void {
    this.#onClose.add(run);
    return () => void this.#onClose.delete(run);
  }

  /** As a power loss: the address refuses, nothing is taken or sent any more, and nobody is told before `close`. */
  vanish(): void {
    this.open = false;
  }

  /** As the death of a process: the address refuses, and every connection breaks. */
  close(): void {
    this.open = false;
    for (const run of [...this.#onClose]) run();
    this.#onClose.clear();
  }
}

export class MemoryNetwork {
  readonly #runtime: Runtime;
  readonly #listeners = new Map<string, MemoryListener>();
  readonly #links = new Map<string, Link>();
  /** By place: the link of the hosts, found once. */
  readonly #between = new Map<string, Map<string, Link>>();
  readonly #dead = new Set<string>();
  readonly #held = new Map<string, (() => void)[]>();
  readonly #delayMs: () => number;
  readonly #hostOf: (place: string) => string;

  /** `delayMs`: what every link begins with, one way. `hostOf`: places of one host share its links. */
  constructor(runtime: Runtime, delayMs: () => number = () => 0.1, hostOf: (place: string) => string = (place) => place) {
    this.#runtime = runtime;
    this.#delayMs = delayMs;
    this.#hostOf = hostOf;
  }

  /** @throws QdfsError ADDRESS_IN_USE */
  listen(address: string, services: MemoryServices): MemoryListener {
    if (this.listener(address) !== undefined) throw new QdfsError("ADDRESS_IN_USE", `${address} is in use`);
    const listener = new MemoryListener(address, services);
    this.#listeners.set(address, listener);
    return listener;
  }

  /** Undefined: connections are refused. */
  listener(address: string): MemoryListener | undefined {
    const listener = this.#listeners.get(address);
    return listener?.open ? listener : undefined;
  }

  /** The direction from one place to another; places are addresses of servers and names of clients. */
  link(from: string, to: string): Link {
    const links = this.#between.get(from) ?? new Map<string, Link>();
    this.#between.set(from, links);
    const link = links.get(to) ?? this.#linkOfHosts(this.#hostOf(from), this.#hostOf(to));
    links.set(to, link);
    return link;
  }

  #linkOfHosts(from: string, to: string): Link {
    const name = `${from} → ${to}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = { cut: false, delayMs: this.#delayMs, dropShare: 0, duplicateShare: 0 };
      this.#links.set(name, link);
    }
    return link;
  }

  /** Nothing leaves that place any more, and nothing arrives there. */
  silence(place: string): void {
    this.#dead.add(place);
  }

  /** Cuts, or heals, both directions. */
  setCut(a: string, b: string, cut: boolean): void {
    this.link(a, b).cut = cut;
    this.link(b, a).cut = cut;
  }

  /** What arrives at the host waits, in its order, until `release`: its process stands still. */
  hold(host: string): void {
    if (!this.#held.has(host)) this.#held.set(host, []);
  }

  release(host: string): void {
    const arrivals = this.#held.get(host) ?? [];
    this.#held.delete(host);
    for (const deliver of arrivals) this.#runtime.timers.soon(deliver);
  }

  #arrive(to: string, deliver: () => void): void {
    if (this.#dead.has(to)) return;
    const held = this.#held.size === 0 ? undefined : this.#held.get(this.#hostOf(to));
    if (held === undefined) deliver();
    else held.push(deliver);
  }

  /** Takes one message along a link: `deliver` runs never, once or twice, later. `lost` runs when it is known to be never. */
  carry(from: string, to: string, deliver: () => void, lost: () => void = () => {}): void {
    const { random, timers } = this.#runtime;
    const link = this.link(from, to);
    if (link.cut || this.#dead.has(from) || random.unit() < link.dropShare) {
      timers.soon(lost);
      return;
    }
    timers.after(link.delayMs(), () => (link.cut ? lost() : this.#arrive(to, deliver)));
    if (random.unit() >= link.duplicateShare) return;
    timers.after(link.delayMs(), () => {
      if (!link.cut) this.#arrive(to, deliver);
    });
  }
}
