/**
 * Anti-entropy: this node compares what it holds with each peer that it shares partitions with, and mends what of it is missing here
 * (difference-mender.ts): quickly when it has come back, and then slowly for ever. Slowly, too, what it shares with somebody only since: that
 * was carried over (rescan.ts). It finds what the change logs cannot tell: rows that a disk lost, bytes of earlier versions and chunks that
 * passed by while the node was slow or away.
 *
 * It goes through all names in order. The peer says the digest of its next COMPARE_PAGE files; if ours over the same range of names is
 * another one, the range is compared again in COMPARE_FAN_OUT parts, and those that differ in theirs, down to single files. So what
 * is equal costs some 50 bytes per COMPARE_PAGE files, and a difference log16(4096) answers of some sixteen ranges. In memory
 * are the differences of one page. Chunks likewise.
 *
 * Both sides read while others write. What differs is therefore looked at again COMPARE_AGAIN_MS later: by then it is here as the peer had
 * it, or newer, or it is missed. Missed chosen values of which this node had followed the peer's log are a silent divergence, which ought
 * never to happen: an alarm, whether it could be mended or not. The rest is what a replica that was slow or away lacks.
 *
 * A place is kept for each peer, so whatever breaks a comparison off (the peer, the map) it goes on from there. After a restart all is
 * compared anew, for the restart may be what lost something.
 */
import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { nodeOf } from "../cluster/map.ts";
import {
  COMPARE_AGAIN_MS,
  COMPARE_BUSY_FACTOR,
  COMPARE_BYTES_PER_SEC,
  COMPARE_FAN_OUT,
  COMPARE_MENDS_IN_FLIGHT,
  COMPARE_PAGE,
  COMPARE_PAUSE_MS,
  COMPARE_RETRY_MS,
  COMPARE_RETURN_PER_SEC,
  COMPARE_STEADY_PER_SEC,
  CONTROL_CALL_MS,
} from "../limits.ts";
import type { Cancel, NodeStore, Runtime } from "../ports.ts";
import type { Compared, HeldRange } from "../wire/entropy-messages.ts";
import type { Alarms } from "./alarms.ts";
import type { DifferenceMender, Mended } from "./difference-mender.ts";
import { Findings } from "./entropy-findings.ts";
import type { HeldRanges, Range } from "./held-ranges.ts";
import type { MapKeeper } from "./map-keeper.ts";
import { Pace } from "./pace.ts";
import type { Peers } from "./peers.ts";

export interface EntropyParts {
  readonly runtime: Runtime;
  readonly store: NodeStore;
  readonly maps: Pick<MapKeeper, "map" | "self">;
  readonly peers: Pick<Peers, "call">;
  readonly ranges: HeldRanges;
  readonly mender: Pick<DifferenceMender, "file" | "chunk">;
  readonly alarms: Alarms;
  /** Clients want something of this node. */
  readonly isBusy: () => boolean;
  readonly onFatal: (error: unknown) => void;
}

/** How far a comparison with a peer has come: everything up to `after` of the files, and then of the chunks. */
interface Place {
  chunks: boolean;
  after: string;
}

/** A name that the peer holds, and holds otherwise than this node. */
interface Difference {
  readonly range: HeldRange;
  /** As FileDifference has it. */
  readonly followed: boolean;
}

export class Entropy {
  readonly #parts: EntropyParts;
  readonly #runtime: Runtime;
  readonly #places = new Map<NodeNumber, Place>();
  /** Peers that are yet to be compared with, of those that this node shared something with when it began: that may have changed meanwhile, or be lost. */
  readonly #returnedTo = new Set<NodeNumber>();
  readonly #quick: Pace;
  readonly #slow: Pace;
  readonly #bytes: Pace;
  readonly findings: Findings;
  #running: Promise<void> | undefined;
  readonly #pauses = new Set<() => void>();
  #stopped = false;

  constructor(parts: EntropyParts) {
    this.#parts = parts;
    const { runtime } = parts;
    this.#runtime = runtime;
    this.#quick = new Pace(runtime.clock, runtime.timers, COMPARE_RETURN_PER_SEC);
    this.#slow = new Pace(runtime.clock, runtime.timers, COMPARE_STEADY_PER_SEC);
    this.#bytes = new Pace(runtime.clock, runtime.timers, COMPARE_BYTES_PER_SEC);
    this.findings = new Findings(runtime.log, parts.alarms);
  }

  /** From now on, until it is stopped. */
  begin(): void {
    if (this.#stopped || this.#running !== undefined) return;
    const { store, maps, ranges } = this.#parts;
    for (const { number } of store.sequence === 0 ? [] : maps.map.nodes)
      if (number !== maps.self && ranges.sharesWith(number)) this.#returnedTo.add(number);
    this.#running = this.#forEver().catch(this.#parts.onFatal);
  }

  /** What is under way ends soon. */
  stop(): void {
    this.#stopped = true;
    for (const end of this.#pauses) end();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Compares everything with one peer, from where it was broken off; resolves when that is done. @throws QdfsError broken off again */
  async with(peer: NodeNumber): Promise<void> {
    const pace = this.#returnedTo.has(peer) ? this.#quick : this.#slow;
    const place = this.#places.get(peer) ?? { chunks: false, after: "" };
    this.#places.set(peer, place);
    while (!this.#stopped) {
      const { ranges, end } = await this.#ask(peer, { ...place, through: "" }, COMPARE_PAGE);
      for (const range of ranges) {
        const found = await this.#differences(peer, { ...place, through: range.through }, range, COMPARE_PAGE);
        if (found.length > 0) await this.#mend(peer, place.chunks, found);
        if (this.#stopped) return;
        this.findings.compared += range.count;
        place.after = range.through;
        await this.#pause(pace.owe(this.#parts.isBusy() ? range.count * COMPARE_BUSY_FACTOR : range.count));
        if (this.#stopped) return;
      }
      if (!end) continue;
      place.after = "";
      if (place.chunks) break;
      place.chunks = true;
    }
    this.#places.delete(peer);
    if (!this.#stopped) this.#returnedTo.delete(peer);
  }

  async #forEver(): Promise<void> {
    while (!this.#stopped) {
      let brokenOff = false;
      for (const { number } of this.#parts.maps.map.nodes) {
        if (this.#stopped || number === this.#parts.maps.self || !this.#parts.ranges.sharesWith(number)) continue;
        try {
          await this.with(number);
        } catch (error) {
          if (codeOf(error) === undefined) throw error;
          brokenOff = true;
          this.#runtime.log.debug("comparison broken off", { with: nodeName(number), why: messageOf(error) });
        }
      }
      if (!brokenOff) this.findings.roundEnded();
      await this.#pause((brokenOff ? COMPARE_RETRY_MS : COMPARE_PAUSE_MS) * (0.5 + this.#runtime.random.unit()));
    }
  }

  async #ask(peer: NodeNumber, range: Range, size: number): Promise<Compared> {
    const { maps, peers } = this.#parts;
    const { generation, version } = maps.map;
    const request = { compare: { node: maps.self, generation, version, ...range, size } };
    const { compared } = await peers.call(peer, 0, request, CONTROL_CALL_MS);
    if (!compared || (compared.ranges.length === 0 && !compared.end))
      throw new QdfsError("BAD_REQUEST", `${nodeName(peer)} answers a comparison with nothing`);
    return compared;
  }

  /** The names in a range that the peer holds otherwise. `size`: of the range as it was asked for. */
  async #differences(peer: NodeNumber, within: Range, range: HeldRange, size: number): Promise<readonly Difference[]> {
    const own = await this.#parts.ranges.sum(peer, within);
    if (own.equals(range)) return [];
    if (size === 1) return range.count === 0 ? [] : [this.#difference(peer, range)];
    const parts = Math.max(1, Math.floor(size / COMPARE_FAN_OUT));
    const found: Difference[] = [];
    let after = within.after;
    for (let end = false; !end && !this.#stopped; ) {
      const compared = await this.#ask(peer, { ...within, after }, parts);
      for (const part of compared.ranges) {
        found.push(...(await this.#differences(peer, { ...within, after, through: part.through }, part, parts)));
        after = part.through;
      }
      end = compared.end;
    }
    return found;
  }

  #difference(peer: NodeNumber, range: HeldRange): Difference {
    const { store, maps } = this.#parts;
    const cursor = store.cursor(nodeOf(maps.map, peer).diskId);
    return { range, followed: (range.sequence ?? 0) <= cursor };
  }

  async #mend(peer: NodeNumber, chunks: boolean, found: readonly Difference[]): Promise<void> {
    await this.#pause(COMPARE_AGAIN_MS);
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let one = found[next++]; one !== undefined && !this.#stopped; one = found[next++]) {
        try {
          const mended = await this.#mendOne(peer, chunks, one);
          this.findings.found(mended, peer);
          await this.#pause(this.#bytes.owe(mended.sizeBytes));
        } catch (error) {
          if (codeOf(error) === undefined) throw error;
          this.findings.failed(one.range.through, messageOf(error));
        }
      }
    };
    await Promise.all(Array.from({ length: COMPARE_MENDS_IN_FLIGHT }, worker));
  }

  #mendOne(peer: NodeNumber, chunks: boolean, { range, followed }: Difference): Promise<Mended> {
    const { mender } = this.#parts;
    const { through, ballot, chosen = false, owner = "", checksum = "" } = range;
    if (chunks) return mender.chunk({ chunk: through, peer, owner, checksum });
    const { configuration, counter, node } = ballot ?? { configuration: 0, counter: 0, node: 0 };
    return mender.file({ path: through, peer, ballot: { configuration, counter, node }, chosen, followed });
  }

  /** Resolves after a while, or at once when this is stopped. */
  #pause(delayMs: number): Promise<void> {
    if (this.#stopped || delayMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      let cancel: Cancel = () => undefined;
      const end = (): void => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      this.#pauses.add(end);
      cancel = this.#runtime.timers.after(delayMs, end);
    });
  }
}
