/** Carries out planned faults on a cluster, and mends everything at the end. */
import { assert } from "../base/errors.ts";
import type { Link } from "../transport/memory-network.ts";
import type { ClientHost, DataHost, Death, SimCluster } from "./cluster.ts";
import type { Disk } from "./disk.ts";
import { type Plan, type PlannedFault, pick } from "./plan.ts";
import { type FaultKind, GOOD_LINKS, type LinkQuality } from "./recipes.ts";
import type { Trace } from "./trace.ts";

const HOUR_MS = 3_600_000;
/** Ports are used some hundred times a second. */
const USES_MAX = 200;

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
  #wipes = 0;
  #over = false;

  constructor(cluster: SimCluster, plan: Plan, trace: Trace) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#trace = trace;
  }

  /** How often each kind was carried out. */
  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts;
  }

  get wipes(): number {
    return this.#wipes;
  }

  /** Makes the links as bad as they are planned, and arms every fault. */
  begin(): void {
    const { hostNames, runtime } = this.#cluster;
    for (const from of hostNames) for (const to of hostNames) this.#spoil(this.#cluster.network.link(from, to), this.#plan.links);
    for (const fault of this.#plan.faults) runtime.timers.after(fault.atMs, () => this.#carryOut(fault));
  }

  /** A client that comes later has links like the others. */
  joined(client: ClientHost): void {
    if (this.#over) return;
    for (const other of this.#cluster.hostNames) {
      this.#spoil(this.#cluster.network.link(client.name, other), this.#plan.links);
      this.#spoil(this.#cluster.network.link(other, client.name), this.#plan.links);
    }
  }

  /** No faults from now on: what is broken is mended, who is dead comes back. */
  end(): void {
    this.#over = true;
    this.#trace.event("the faults end");
    for (const mend of [...this.#mends]) mend();
    this.#mends.clear();
    const { hostNames, network, superHost, dataHosts } = this.#cluster;
    for (const from of hostNames) for (const to of hostNames) this.#spoil(network.link(from, to), GOOD_LINKS);
    for (const { life } of [superHost, ...dataHosts, ...this.#cluster.clientHosts])
      life?.whenUsed(Number.POSITIVE_INFINITY, () => {});
    if (superHost.life === undefined) this.#cluster.startSuperNode();
    for (const host of dataHosts) this.#restart(host);
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

  #clocks() {
    const { superHost, dataHosts, clientHosts } = this.#cluster;
    return [superHost, ...dataHosts, ...clientHosts].map(({ wall }) => wall);
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
      if (superHost.life === undefined) this.#cluster.startSuperNode();
    };
  }

  /**
   * One disk of the cluster goes bad, never a second, and only copies that are not the last: of a value that one replica alone
   * has accepted, which may have been read, nobody could tell what it was.
   */
  #flipBit({ choices: [whom, which, where] }: PlannedFault): undefined {
    const [bad] = this.damaged;
    const disk = bad ?? this.#dataHost(whom).disk;
    const others = this.#cluster.dataHosts
      .filter((host) => host.disk !== disk && !host.disk.store.isFlushing)
      .map((host) => host.disk);
    const chunks = disk.files.names().filter((chunk) => others.some(({ files }) => files.names().includes(chunk)));
    const inline = disk.store
      .paths()
      .flatMap((path) => disk.store.contents(path).map((random) => ({ path, random })))
      .filter(({ path, random }) => others.some(({ store }) => store.content(path, random) !== undefined));
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

  /** As many as still leave a copy of everything acknowledged, and quorums: W-1, and no more than N - max(R, W). */
  #wipe(host: DataHost): Mend | undefined {
    const { n, w, r } = this.#plan.shape;
    const mayLose = Math.min(w - 1, n - Math.max(r, w));
    if (this.#wipes >= mayLose || this.damaged.size > 0) return undefined;
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
