/** Carries out planned faults on a cluster, and mends everything at the end. */
import { assert, messageOf } from "../base/errors.ts";
import { chunkPartitionOf, configurationOf, partitionOf } from "../cluster/map.ts";
import type { Link } from "../transport/memory-network.ts";
import { anyQuorum } from "./any-quorum.ts";
import type { DataHost, Death, SimCluster } from "./cluster.ts";
import { Departures } from "./departures.ts";
import type { Disk } from "./disk.ts";
import { type Plan, type PlannedFault, pick } from "./plan.ts";
import { type FaultKind, GOOD_LINKS, type LinkQuality } from "./recipes.ts";
import { repeatedly } from "./repeatedly.ts";
import { possibleLosses } from "./row-loss.ts";
import type { Trace } from "./trace.ts";

const HOUR_MS = 3_600_000;
/** Ports are used some hundred times a second. */
const USES_MAX = 200;
/** DataNodes that join in one run. */
const JOINS_MAX = 3;

/** Undoes a fault; nothing when it mends itself. */
type Mend = () => void;
type Inject = (fault: PlannedFault) => Mend | undefined;

export class Faults {
  readonly #cluster: SimCluster;
  readonly #plan: Plan;
  readonly #trace: Trace;
  readonly #mends = new Set<Mend>();
  readonly #counts = new Map<FaultKind, number>();
  /** Disks whose bytes were damaged. There is only ever one, so that good copies are left. */
  readonly damaged = new Set<Disk>();
  readonly #departures: Departures;
  #wipes = 0;
  #joins = 0;
  #over = false;

  constructor(cluster: SimCluster, plan: Plan, trace: Trace) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#trace = trace;
    this.#departures = new Departures(cluster, trace);
  }

  /** How often each kind was carried out. */
  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts;
  }

  get wipes(): number {
    return this.#wipes;
  }

  /** DataNodes have come that were not there at the beginning, or were told to leave: partitions move. */
  get moves(): number {
    return this.#wipes + this.#joins + this.#departures.count;
  }

  /** What an operator was told is so, and is not, in words. */
  forgotten(): string | undefined {
    return this.#departures.forgotten();
  }

  /** Makes the links as bad as they are planned, and arms every fault. */
  begin(): void {
    const { hostNames, runtime } = this.#cluster;
    for (const from of hostNames) for (const to of hostNames) this.#spoil(this.#cluster.network.link(from, to), this.#plan.links);
    for (const fault of this.#plan.faults) runtime.timers.after(fault.atMs, () => this.#carryOut(fault));
  }

  /** A machine that comes later has links like the others. */
  joined({ name }: { readonly name: string }): void {
    if (this.#over) return;
    for (const other of this.#cluster.hostNames) {
      this.#spoil(this.#cluster.network.link(name, other), this.#plan.links);
      this.#spoil(this.#cluster.network.link(other, name), this.#plan.links);
    }
  }

  /** When all is mended and no SuperNode is left (one was replaced by another that died on the way), its operator makes a new one. */
  superNodeEnded(): void {
    if (!this.#over || this.#cluster.superHosts.some(({ life }) => life !== undefined)) return;
    this.#cluster.replaceSuperNode(this.#addresses());
  }

  /** Recoveries under way are broken off: the one DataNode that an operator knew may have been wiped, and wait for the very SuperNode that asks it. */
  #completeRecoveries(): void {
    for (const host of this.#cluster.superHosts) if (host.superNode === undefined) this.#cluster.kill(host, "kill");
    this.#cluster.superHost.recoverFrom = this.#addresses();
    this.replaceBrokenOff();
    if (this.#cluster.superHost.life === undefined) this.#cluster.startSuperNode();
  }

  /** Where a DataNode follows one of these, as the SuperNode's alarm says, its operator makes another: now, and when none can be about to follow any more. */
  replaceBrokenOff(): void {
    const { superHosts, superHost, dataHosts } = this.#cluster;
    if (superHosts.some(({ life, superNode }) => life !== undefined && superNode === undefined)) return; // it will be above all that it meets
    const followed = Math.max(...dataHosts.map(({ disk }) => disk.store.followed()?.generation ?? 0));
    if (followed > (superHost.maps.load()?.map.generation ?? 0)) this.#cluster.replaceSuperNode(this.#addresses());
  }

  #addresses(): readonly string[] {
    return this.#cluster.dataHosts.map(({ name }) => `${name}:1`);
  }

  /** No faults from now on: what is broken is mended, who is dead comes back. */
  end(): void {
    this.#over = true;
    this.#departures.end();
    this.#trace.event("the faults end");
    for (const mend of [...this.#mends]) mend();
    this.#mends.clear();
    const { hostNames, network, superHosts, dataHosts } = this.#cluster;
    for (const from of hostNames) for (const to of hostNames) this.#spoil(network.link(from, to), GOOD_LINKS);
    for (const { life } of [...superHosts, ...dataHosts, ...this.#cluster.clientHosts])
      life?.whenUsed(Number.POSITIVE_INFINITY, () => {});
    this.#completeRecoveries();
    for (const host of dataHosts) {
      // It waits for a SuperNode that there is no more, and knows of no other: admitted or not, it has no map.
      if (host.node === undefined && host.disk.store.map() === undefined && superHosts.length > 1)
        this.#cluster.kill(host, "kill");
      this.#restart(host);
    }
  }

  #carryOut(fault: PlannedFault): void {
    if (this.#over) return;
    this.#trace.event(`fault ${fault.index}: ${fault.kind} for ${fault.forMs.toFixed(0)} ms`);
    this.#counts.set(fault.kind, (this.#counts.get(fault.kind) ?? 0) + 1);
    const undo = this.#inject[fault.kind](fault);
    if (undo === undefined) return;
    const mend = (): void => {
      if (!this.#mends.delete(mend)) return;
      this.#trace.event(`fault ${fault.index} ends`);
      undo();
    };
    this.#mends.add(mend);
    this.#cluster.runtime.timers.after(fault.forMs, mend);
  }

  #spoil(link: Link, { dropShare, duplicateShare, slowShare, slowMs }: LinkQuality): void {
    const { random } = this.#cluster.runtime;
    link.dropShare = dropShare;
    link.duplicateShare = duplicateShare;
    link.delayMs = () => baseDelayMs(random.unit()) + (random.unit() < slowShare ? random.unit() * slowMs : 0);
  }

  #dataHost(choice: number): DataHost {
    return pick(this.#cluster.dataHosts, choice);
  }

  #others(name: string): readonly string[] {
    return this.#cluster.hostNames.filter((other) => other !== name);
  }

  #restart(host: DataHost): void {
    if (host.life === undefined) this.#cluster.startDataNode(host);
  }

  #die(host: DataHost, death: Death): Mend {
    this.#cluster.kill(host, death);
    return () => this.#restart(host);
  }

  /** Cuts links for the fault's own reason. */
  #cutting(fault: PlannedFault, cut: (reason: string) => void): Mend {
    const reason = `fault ${fault.index}`;
    cut(reason);
    return () => this.#cluster.cuts.healAll(reason);
  }

  readonly #inject: Readonly<Record<FaultKind, Inject>> = {
    crash: ({ choices: [whom] }) => this.#die(this.#dataHost(whom), "kill"),
    "power-loss": ({ choices: [whom] }) => this.#die(this.#dataHost(whom), "power"),
    "death-at-await": ({ forMs, choices: [whom, when, how] }) => {
      const host = this.#dataHost(whom);
      host.life?.whenUsed(1 + Math.floor(when * USES_MAX), () => {
        this.#cluster.kill(host, how < 0.5 ? "kill" : "power");
        this.#cluster.runtime.timers.after(forMs, () => this.#restart(host));
      });
      return undefined;
    },
    "restart-all": ({ choices: [how] }) => {
      const { dataHosts } = this.#cluster;
      for (const host of dataHosts) this.#cluster.kill(host, how < 0.5 ? "kill" : "power");
      return () => {
        for (const host of dataHosts) this.#restart(host);
      };
    },
    isolate: (fault) => {
      const { name } = this.#dataHost(fault.choices[0]);
      return this.#cutting(fault, (reason) => {
        for (const other of this.#others(name)) this.#cutBoth(name, other, reason);
      });
    },
    "one-way": (fault) => {
      const [from, to] = this.#pair(fault);
      const all = fault.choices[2] < 0.3;
      return this.#cutting(fault, (reason) => {
        for (const other of all ? this.#others(from) : [to]) this.#cluster.cuts.cut(from, other, reason);
      });
    },
    "two-way": (fault) => {
      const [from, to] = this.#pair(fault);
      return this.#cutting(fault, (reason) => this.#cutBoth(from, to, reason));
    },
    split: (fault) => {
      const names = this.#cluster.hostNames;
      const side = (name: string): boolean => Bun.hash.xxHash32(`${name} ${fault.choices[0]}`) % 2 === 0;
      return this.#cutting(fault, (reason) => {
        for (const a of names) for (const b of names) if (side(a) && !side(b)) this.#cutBoth(a, b, reason);
      });
    },
    swizzle: (fault) => this.#swizzle(fault),
    "supernode-cut": (fault) => {
      const { name } = this.#cluster.superHost;
      const all = fault.choices[0] < 0.5;
      const others = all ? this.#others(name) : [this.#dataHost(fault.choices[1]).name];
      return this.#cutting(fault, (reason) => {
        for (const other of others) this.#cutBoth(name, other, reason);
      });
    },
    "supernode-crash": ({ choices: [how] }) => this.#superNodeDies(how < 0.5 ? "kill" : "power"),
    "catalogue-loss": () => {
      const mend = this.#superNodeDies("kill");
      this.#cluster.superHost.catalogue.clear();
      return mend;
    },
    "supernode-loss": (fault) => this.#loseSuperNode(fault),
    "slow-link": (fault) =>
      this.#linkFault(fault, (link) => {
        const before = link.delayMs;
        link.delayMs = () => before() + 20 + 200 * fault.choices[3];
      }),
    "lossy-link": (fault) =>
      this.#linkFault(fault, (link) => {
        link.dropShare = 0.2 + 0.6 * fault.choices[3];
      }),
    "slow-disk": ({ choices: [whom, how] }) => {
      const { disk } = this.#dataHost(whom);
      disk.slowness = 10 + 500 * how;
      return () => {
        disk.slowness = 1;
      };
    },
    "full-disk": ({ choices: [whom, how] }) => {
      const { disk } = this.#dataHost(whom);
      const { store, files } = disk;
      store.bytesMax = store.usage().bytes + Math.floor(how * 500);
      if (how < 0.5) files.bytesMax = 0;
      return () => {
        store.bytesMax = Number.POSITIVE_INFINITY;
        files.bytesMax = Number.MAX_SAFE_INTEGER;
      };
    },
    "bit-flip": (fault) => this.#flipBit(fault),
    wipe: ({ choices: [whom] }) => this.#wipe(this.#dataHost(whom)),
    join: () => {
      if (this.#joins >= JOINS_MAX) return undefined;
      this.#joins += 1;
      this.#cluster.startDataNode(this.#cluster.addDataHost());
      return undefined;
    },
    "row-loss": (fault) => this.#loseRows(fault),
    drain: ({ forMs, choices: [whom, how] }) => {
      this.#departures.drain(this.#dataHost(whom), forMs, how);
      return undefined;
    },
    dead: ({ forMs, choices: [whom] }) => this.#dieForGood(this.#dataHost(whom), forMs),
    away: ({ choices: [whom] }) => {
      this.#departures.leave(this.#dataHost(whom));
      return undefined; // back when the faults end
    },
    quorum: ({ choices }) => {
      this.#setQuorum(choices);
      return undefined;
    },
    flap: (fault) => (fault.choices[1] < 0.7 ? this.#dieRepeatedly(fault) : this.#vanishRepeatedly(fault)),
    "clock-jump": ({ choices: [whom, how] }) => {
      pick(this.#clocks(), whom).skewMs += (how - 0.5) * 10 * HOUR_MS;
      return undefined;
    },
    "clock-drift": ({ choices: [whom, how] }) => {
      pick(this.#clocks(), whom).driftShare = (how - 0.5) * 4_000;
      return undefined;
    },
    "client-death": ({ choices: [whom, when] }) => {
      const living = this.#cluster.clientHosts.filter(({ life }) => life !== undefined);
      if (living.length === 0) return undefined;
      const host = pick(living, whom);
      host.life?.whenUsed(1 + Math.floor(when * 60), () => this.#cluster.kill(host, "kill"));
      return undefined;
    },
    freeze: ({ choices: [whom] }) => {
      const host = this.#dataHost(whom);
      const { life } = host;
      if (life === undefined) return undefined;
      this.#cluster.freeze(host);
      return () => this.#cluster.thaw(host);
    },
  };

  /** An operator's word, to whichever SuperNode runs: any legal quorum, of as many replicas as there are members, or one more. */
  #setQuorum(choices: PlannedFault["choices"]): void {
    const { superNode } = this.#cluster.superHost;
    const { nodes, policy } = this.#cluster.map;
    if (superNode === undefined) return;
    const { n, w, r } = anyQuorum(choices, policy.n, nodes.length);
    // One that the dead of this run alone could have decided would let no operator give them up.
    if (Math.min(w, n - r + 1) <= this.#wipes + this.#departures.dead.size) return;
    superNode.setQuorum({ n, w, r, name: "custom", dryRun: false }).then(
      ({ partitions }) => this.#trace.event(`the quorum is to be n=${n} w=${w} r=${r}: ${partitions} partitions change`),
      (error) => this.#trace.event(`n=${n} w=${w} r=${r} is refused: ${messageOf(error)}`),
    );
  }

  #clocks() {
    const { superHosts, dataHosts, clientHosts } = this.#cluster;
    return [...superHosts, ...dataHosts, ...clientHosts].map(({ wall }) => wall);
  }

  #cutBoth(a: string, b: string, reason: string): void {
    this.#cluster.cuts.cut(a, b, reason);
    this.#cluster.cuts.cut(b, a, reason);
  }

  /** Two different hosts, a DataNode first. */
  #pair({ choices: [one, other, , order] }: PlannedFault): readonly [string, string] {
    const { name } = this.#dataHost(one);
    const second = pick(this.#others(name), other);
    return order < 0.5 ? [name, second] : [second, name];
  }

  #linkFault(fault: PlannedFault, spoil: (link: Link) => void): Mend {
    const [from, to] = this.#pair(fault);
    const links = [this.#cluster.network.link(from, to), this.#cluster.network.link(to, from)];
    for (const link of links) spoil(link);
    return () => {
      for (const link of links) this.#spoil(link, this.#plan.links);
    };
  }

  /** The process dies and begins anew, too soon for anybody to miss it, or not. */
  #dieRepeatedly({ choices: [whom, , awayShare, presentShare], forMs }: PlannedFault): Mend {
    const host = this.#dataHost(whom);
    const [awayMs, presentMs] = [10 + 200 * awayShare, 50 + 500 * presentShare];
    return repeatedly(this.#cluster.runtime, awayMs, presentMs, forMs, {
      go: () => this.#cluster.kill(host, "kill"),
      come: () => this.#restart(host),
    });
  }

  /** The SuperNode hears nothing of it for long enough to suspect it, and then for a moment does. */
  #vanishRepeatedly(fault: PlannedFault): Mend {
    const { name } = this.#dataHost(fault.choices[0]);
    const { superHost, cuts } = this.#cluster;
    const reason = `fault ${fault.index}`;
    return repeatedly(this.#cluster.runtime, 2_200 + 400 * fault.choices[2], 600, 3 * fault.forMs, {
      go: () => this.#cutBoth(name, superHost.name, reason),
      come: () => cuts.healAll(reason),
    });
  }

  /** Cuts a host's links one by one and mends them in another order. */
  #swizzle(fault: PlannedFault): Mend {
    const { cuts, runtime } = this.#cluster;
    const { name } = this.#dataHost(fault.choices[0]);
    const reason = `fault ${fault.index}`;
    const ordered = (salt: number): readonly string[] =>
      this.#others(name).toSorted((a, b) => Bun.hash.xxHash32(`${a} ${salt}`) - Bun.hash.xxHash32(`${b} ${salt}`));
    const stepMs = fault.forMs / (2 * this.#others(name).length);
    ordered(fault.choices[1]).forEach((other, i) => {
      runtime.timers.after(i * stepMs, () => {
        if (!this.#over) this.#cutBoth(name, other, reason);
      });
    });
    ordered(fault.choices[2]).forEach((other, i) => {
      runtime.timers.after(fault.forMs / 2 + i * stepMs, () => {
        cuts.heal(name, other, reason);
        cuts.heal(other, name, reason);
      });
    });
    return () => cuts.healAll(reason);
  }

  #superNodeDies(death: Death): Mend {
    const { superHost } = this.#cluster;
    this.#cluster.kill(superHost, death);
    return () => {
      if (superHost.life === undefined) this.#cluster.startSuperNode(superHost);
    };
  }

  /**
   * The SuperNode's state is lost, or its operator thinks so, and another SuperNode is made: from one DataNode or all, with a backup or
   * without. The old one may live on meanwhile, or come back later with its old disk; the new one may die at any await, or reach no
   * other DataNode for a while.
   */
  #loseSuperNode({ index, forMs, choices: [whom, how, when, old] }: PlannedFault): Mend {
    const cluster = this.#cluster;
    const before = cluster.superHost;
    if (old < 0.6) cluster.kill(before, old < 0.3 ? "kill" : "power");
    const known = this.#dataHost(whom).name;
    const addresses = how < 0.5 ? [`${known}:1`] : this.#addresses();
    const host = cluster.replaceSuperNode(addresses, how % 0.5 < 0.15 ? cluster.firstState : undefined);
    if (when < 0.4) {
      host.life?.whenUsed(1 + Math.floor(when * USES_MAX), () => {
        cluster.kill(host, "kill");
        cluster.runtime.timers.after(forMs, () => {
          if (host.life === undefined) cluster.startSuperNode(host);
        });
      });
    }
    const reason = `fault ${index}`;
    if (when > 0.6) for (const other of this.#others(host.name)) if (other !== known) this.#cutBoth(host.name, other, reason);
    return () => {
      cluster.cuts.healAll(reason);
      if (before.life === undefined && old % 0.3 < 0.2) cluster.startSuperNode(before);
    };
  }

  /**
   * One disk of the cluster goes bad, never a second, and only copies that are not the last: of a value that one replica alone
   * has accepted, which may have been read, nobody could tell what it was. A copy at a replica that is leaving, or has left, counts for
   * nothing: it goes.
   */
  #flipBit({ choices: [whom, which, where] }: PlannedFault): undefined {
    const [bad] = this.damaged;
    const disk = bad ?? this.#dataHost(whom).disk;
    const { map } = this.#cluster;
    const others = (partition: number): readonly Disk[] =>
      (configurationOf(map, partition).sets.at(-1)?.nodes ?? [])
        .map((node) => this.#cluster.diskOfNode(node))
        .filter((other) => other !== undefined)
        .filter((other) => other !== disk && !other.store.isFlushing);
    const chunks = disk.files
      .names()
      .filter((chunk) => others(chunkPartitionOf(map, chunk)).some(({ files }) => files.names().includes(chunk)));
    const inline = disk.store
      .paths()
      .flatMap((path) => disk.store.contents(path).map((random) => ({ path, random })))
      .filter(({ path, random }) =>
        others(partitionOf(map, path)).some(({ store }) => store.content(path, random) !== undefined),
      );
    if (chunks.length + inline.length === 0) return undefined;
    this.damaged.add(disk);
    const at = Math.floor(which * (chunks.length + inline.length));
    const chunk = chunks[at];
    if (chunk !== undefined) disk.files.flipBit(chunk, Math.floor(where * 64));
    else {
      const copy = pick(inline, which);
      disk.store.flipBit(copy.path, copy.random, Math.floor(where * 16));
    }
    return undefined;
  }

  /** Of the one disk that goes bad: one to three rows, while its process is dead. */
  #loseRows({ choices: [whom, how, which] }: PlannedFault): Mend | undefined {
    const [bad] = this.damaged;
    const host = this.#cluster.dataHosts.find(({ disk }) => disk === bad) ?? this.#dataHost(whom);
    this.#cluster.kill(host, how < 0.5 ? "kill" : "power");
    for (let count = 0; count < 1 + (Math.floor(how * 6) % 3); count += 1) {
      const losses = possibleLosses(host.disk, this.#cluster);
      if (losses.length === 0) break;
      const { what, of, lose } = pick(losses, (which * (1 + count * Math.PI)) % 1);
      this.#trace.event(`${host.name} loses ${what}`);
      this.damaged.add(host.disk);
      host.disk.lost.add(of);
      lose();
    }
    return () => this.#restart(host);
  }

  /** As many as leave, of every quorum of a write and of all that decided a read (N-R+1), somebody who lives: whatever quorums are in force or wanted. */
  #dieForGood(host: DataHost, sayAfterMs: number): undefined {
    const { policy, partitions } = this.#cluster.map;
    const sizes = partitions.flatMap(({ sets }) => sets.map(({ nodes, w, r }) => ({ n: nodes.length, w, r })));
    const mayLose = Math.min(...[policy, ...sizes].map(({ n, w, r }) => Math.min(w, n - r + 1))) - 1;
    if (this.#wipes + this.#departures.dead.size >= mayLose || this.damaged.size > 0) return undefined;
    this.#departures.die(host, sayAfterMs);
    return undefined;
  }

  /** As many as still leave a copy of everything acknowledged, and quorums: W-1, and no more than N - max(R, W). */
  #wipe(host: DataHost): Mend | undefined {
    const { n, w, r } = this.#plan.shape;
    const mayLose = Math.min(w - 1, n - Math.max(r, w));
    if (this.#wipes + this.#departures.dead.size >= mayLose || this.damaged.size > 0) return undefined;
    this.#wipes += 1;
    this.#cluster.kill(host, "power");
    assert(host.life === undefined, "a disk is changed while its process is dead");
    this.#cluster.wipe(host);
    return () => this.#restart(host);
  }
}

function baseDelayMs(unit: number): number {
  return 0.05 + 0.3 * unit;
}
