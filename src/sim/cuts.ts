/** Which links are cut, and why: a link works again when no reason to cut it is left. */
import type { MemoryNetwork } from "../transport/memory-network.ts";

export class Cuts {
  readonly #network: MemoryNetwork;
  /** By reason, the links that it cuts. */
  readonly #cuts = new Map<string, Set<string>>();

  constructor(network: MemoryNetwork) {
    this.#network = network;
  }

  cut(from: string, to: string, reason: string): void {
    if (from === to) return;
    const links = this.#cuts.get(reason) ?? new Set();
    this.#cuts.set(reason, links.add(`${from}|${to}`));
    this.#network.link(from, to).cut = true;
  }

  heal(from: string, to: string, reason: string): void {
    this.#cuts.get(reason)?.delete(`${from}|${to}`);
    this.#network.link(from, to).cut = this.#isCut(`${from}|${to}`);
  }

  cutHost(host: string, reason: string, others: readonly string[]): void {
    for (const other of others) {
      this.cut(host, other, `${reason} ${host}`);
      this.cut(other, host, `${reason} ${host}`);
    }
  }

  healHost(host: string, reason: string): void {
    this.healAll(`${reason} ${host}`);
  }

  /** Takes a reason away altogether. */
  healAll(reason: string): void {
    const links = this.#cuts.get(reason);
    this.#cuts.delete(reason);
    for (const link of links ?? []) {
      const [from = "", to = ""] = link.split("|");
      this.#network.link(from, to).cut = this.#isCut(link);
    }
  }

  #isCut(link: string): boolean {
    for (const links of this.#cuts.values()) if (links.has(link)) return true;
    return false;
  }
}
