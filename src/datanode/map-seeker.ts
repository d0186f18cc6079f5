/**
 * Looks for a newer map when somebody goes by one: at the SuperNode, and at every peer that answers ("hands its map to whoever is behind",
 * P5). So a change that was begun reaches everyone while the SuperNode is away.
 */
import { codeOf, messageOf } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { checkedMap } from "../cluster/check-map.ts";
import { isNewerMap } from "../cluster/map.ts";
import { PROBE_MS, SEEK_PAUSE_MS } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import type { MapAsk, MapAt } from "../wire/change-messages.ts";
import { mapCodec } from "../wire/codec.ts";
import type { MapKeeper } from "./map-keeper.ts";
import type { Peers } from "./peers.ts";

const NO_BYTES = new Uint8Array(0);

export class MapSeeker {
  readonly #runtime: Runtime;
  readonly #maps: MapKeeper;
  readonly #peers: Peers;
  /** Asks the SuperNode, and adopts what it answers. Never rejects. */
  readonly #askSuperNode: () => Promise<void>;
  #seeking: Promise<void> | undefined;
  /** The question to the SuperNode: it may stay open for longer than a search. */
  #asking: Promise<void> | undefined;
  #found: () => void = () => undefined;

  constructor(runtime: Runtime, maps: MapKeeper, peers: Peers, askSuperNode: () => Promise<void>) {
    this.#runtime = runtime;
    this.#maps = maps;
    this.#peers = peers;
    this.#askSuperNode = askSuperNode;
    maps.watch(() => this.#found());
  }

  /** Resolves when a newer map is in force, or when none is to be had for now. One search at a time, with a pause after one in vain. */
  seek(): Promise<void> {
    this.#seeking ??= this.#search().finally(() => {
      this.#seeking = undefined;
    });
    return this.#seeking;
  }

  /** What the asker is answered; one that knows a newer map makes this node adopt it, or look for it, first. */
  async answer({ generation, version, map: issued = NO_BYTES }: MapAsk): Promise<MapAt> {
    const theirs = { ...this.#maps.map, generation, version };
    if (isNewerMap(theirs, this.#maps.map)) {
      if (issued.length > 0) await this.#maps.adopt(checkedMap(mapCodec.decode(issued)));
      if (isNewerMap(theirs, this.#maps.map)) await this.seek();
    }
    const { map } = this.#maps;
    const bytes = isNewerMap(map, theirs) ? mapCodec.encode(map) : NO_BYTES;
    return { generation: map.generation, version: map.version, map: bytes };
  }

  async #search(): Promise<void> {
    const before = this.#maps.map;
    const newer = this.#newer(PROBE_MS);
    const others = before.nodes.map(({ number }) => number).filter((number) => number !== this.#maps.self);
    this.#asking ??= this.#askSuperNode().finally(() => {
      this.#asking = undefined;
    });
    const asked = [this.#asking, ...others.map((number) => this.#ask(number))];
    await Promise.race([newer, Promise.all(asked)]);
    this.#found(); // ends the wait that was not needed
    if (this.#maps.map !== before) return;
    await this.#newer(SEEK_PAUSE_MS);
  }

  /** Resolves when a newer map is in force, or after so long. */
  #newer(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#runtime.timers.after(patienceMs, resolve);
      this.#found = () => {
        cancel();
        resolve();
      };
    });
  }

  async #ask(peer: NodeNumber): Promise<void> {
    if (this.#peers.doubtful(peer)) return;
    const { generation, version } = this.#maps.map;
    try {
      const { map } = await this.#peers.call(peer, 0, { map: { generation, version } }, PROBE_MS);
      if (map && map.map.length > 0) await this.#maps.adopt(checkedMap(mapCodec.decode(map.map)));
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#runtime.log.debug(`no newer map from ${nodeName(peer)}`, { why: messageOf(error) });
    }
  }
}
