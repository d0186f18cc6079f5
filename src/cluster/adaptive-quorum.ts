/**
 * Which read and write quorum suits a load: the decision behind `--quorum adaptive`, pure. The controller that waits, bounds and
 * begins changes is supernode/quorum-controller.ts.
 *
 * **What is chosen from.** W and R with R + W = N + 1 (more costs more and gives nothing), and the majorities. Never fewer copies
 * than ADAPTIVE_COPIES_MIN stand behind an acknowledged put: giving up durability is for people to decide (`write-optimized`). Neither W
 * nor R is above the replicas that are up, in whichever set has the fewest. And where W or R is N one replica's absence stops all
 * writes or all reads, and leaves the cluster in that setting, for a change needs N - min(R, W) + 1 replicas of the old configuration
 * to adopt the joint one (P16): all of them. So such a setting is entered only when every replica was up for ADAPTIVE_CALM_MS.
 *
 * **What an operation costs**: the time that it waits for replicas, by what DataNodes measure of each other, and a little for each
 * request that a read makes. Times differ from answer to answer, so the k-th of n answers comes later, or earlier, than the mean of them:
 * for exponential times by H(n) - H(n-k) - 1 standard deviations, H the harmonic numbers, and for others by about as much.
 * * A read asks the R quickest replicas and waits for the last of them to look the file up.
 * * A write takes its way to the coordinator. That one has its promises by itself where R = 1, and with the accepts where R = 2 (P24); else it waits for R - 1 look-ups first. Then
 *   the accepts go to all N and the W-th one counts; where R = 2 the coordinator's own begins only after another one's (P24).
 *
 * What clients measure is not known here: they are taken to be as far from the
 * DataNodes as these are from each other.
 */
import type { NodeNumber } from "../base/ids.ts";
import { ADAPTIVE_COPIES_MIN } from "../limits.ts";
import type { PeerTimes } from "../wire/membership-messages.ts";

export interface QuorumSize {
  readonly w: number;
  readonly r: number;
}

export interface Load {
  readonly readsPerSec: number;
  readonly writesPerSec: number;
}

/** What a DataNode has measured of a replica, its own included; undefined: nothing. */
export type TimesSeen = (by: NodeNumber, of: NodeNumber) => PeerTimes | undefined;

/** Standard deviations in a mean deviation, of exponential times: e / 2. */
const STANDARD_DEVIATIONS = Math.E / 2;
/** The processor time of one request of a read, both ends together, on the machines that this was measured on. */
const REQUEST_MS = 0.025;

const majority = (n: number): QuorumSize => ({ w: Math.floor(n / 2) + 1, r: Math.floor(n / 2) + 1 });

/**
 * The settings that may be chosen. `present`: replicas that are up, in the set with the fewest; `calm`: none was away lately.
 * `copiesMin`: of an acknowledged put. Empty when not even a majority is there.
 */
export function safeQuorums(
  n: number,
  present: number,
  calm: boolean,
  copiesMin: number = ADAPTIVE_COPIES_MIN,
): readonly QuorumSize[] {
  const minimal = Array.from({ length: n }, (_, i) => ({ w: n - i, r: i + 1 }));
  const { w: middle } = majority(n);
  const candidates = minimal.some(({ w, r }) => w === middle && r === middle) ? minimal : [majority(n), ...minimal];
  return candidates.filter(({ w, r }) => {
    if (w > present || r > present || w < Math.min(n, copiesMin)) return false;
    return calm || Math.max(w, r) < n || (w === middle && r === middle);
  });
}

/**
 * Expected ms of one operation of the load, files spread evenly over the replica sets and the nodes that coordinate.
 * `sets`: those of their nodes that are up. Undefined: nothing is measured, or some set cannot serve that quorum.
 */
export function costMs(
  quorum: QuorumSize,
  load: Load,
  sets: readonly (readonly NodeNumber[])[],
  seen: TimesSeen,
): number | undefined {
  let sumMs = 0;
  let count = 0;
  for (const set of sets) {
    if (set.length < Math.max(quorum.w, quorum.r)) return undefined;
    for (const coordinator of set) {
      const ms = operationMs(quorum, load, coordinator, set, seen);
      if (ms === undefined) continue; // it coordinates nothing: it has not measured an accept
      sumMs += ms;
      count += 1;
    }
  }
  return count === 0 ? undefined : sumMs / count;
}

/** A time, and how far from it one is on average. */
interface Time {
  readonly ms: number;
  readonly deviationMs: number;
}

/** Undefined: the coordinator has not measured what it takes. */
function operationMs(
  { w, r }: QuorumSize,
  { readsPerSec, writesPerSec }: Load,
  coordinator: NodeNumber,
  set: readonly NodeNumber[],
  seen: TimesSeen,
): number | undefined {
  const others = set.filter((node) => node !== coordinator).map((node) => seen(coordinator, node));
  const lookUps = ascending(others.map(lookUpOf));
  if (lookUps.length < others.length) return undefined;
  const readsShare = readsPerSec / (readsPerSec + writesPerSec);
  // A client is nobody's neighbour: to it the coordinator is as far away as the typical other replica.
  const typical = lookUps[Math.floor((lookUps.length - 1) / 2)] ?? { ms: 0, deviationMs: 0 };
  const readMs = lastOf(ascending([...lookUps, typical]), r) + r * REQUEST_MS;
  if (readsShare === 1) return readMs;
  const own = acceptOf(seen(coordinator, coordinator));
  const accepts = ascending(others.map(acceptOf));
  if (own.ms === 0 || accepts.length < others.length) return undefined;
  const promisesMs = r > 2 ? lastOf(lookUps, r - 1) : 0;
  const afterMs = r === 2 && accepts.length > 0 ? kthOf(accepts, 1) : 0;
  const all = ascending([...accepts, { ...own, ms: own.ms + afterMs }]);
  const writeMs = typical.ms + promisesMs + kthOf(all, w);
  return readsShare * readMs + (1 - readsShare) * writeMs;
}

function lookUpOf(times: PeerTimes | undefined): Time {
  return { ms: times?.lookUpMs ?? 0, deviationMs: times?.lookUpDeviationMs ?? 0 };
}

function acceptOf(times: PeerTimes | undefined): Time {
  return { ms: times?.acceptMs ?? 0, deviationMs: times?.acceptDeviationMs ?? 0 };
}

/** The measured ones, the shortest first. */
function ascending(times: readonly Time[]): Time[] {
  return times.filter(({ ms }) => ms > 0).sort((a, b) => a.ms - b.ms);
}

/** When the last of the `k` quickest answers comes, if only they are asked. */
function lastOf(times: readonly Time[], k: number): number {
  return later(times[k - 1], harmonic(k) - 1);
}

/** When the k-th answer comes, if all are asked. */
function kthOf(times: readonly Time[], k: number): number {
  const n = times.length;
  return later(times[k - 1], harmonic(n) - harmonic(n - k) - 1);
}

function later(time: Time | undefined, deviations: number): number {
  if (time === undefined) return 0;
  return Math.max(0, time.ms + deviations * STANDARD_DEVIATIONS * time.deviationMs);
}

function harmonic(k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i += 1) sum += 1 / i;
  return sum;
}
