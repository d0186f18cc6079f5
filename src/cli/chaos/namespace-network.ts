/**
 * A network in which every server is a machine of its own: a network namespace with an address, joined to the others by a veth
 * pair and a bridge. A cut link loses packets, as a broken switch does: nobody is told, TCP sends again and gives up by its own rules,
 * handshakes and acknowledgements are lost too.
 *
 * The bridge lies in this process' own namespace (own-namespaces.ts), which is where clients are; everything ends with this process. All
 * link-layer addresses are fixed and known to all, so that a direction is cut by one entry: the sender's for the receiver, which then
 * names a machine that there is not. That needs neither packet filters nor traffic control of the kernel.
 */
import { readFileSync } from "node:fs";
import { assert, QdfsError } from "../../base/errors.ts";
import { formatAddress } from "../../base/units.ts";
import type { Undo } from "../../chaos/cluster.ts";
import { CLIENT, type FaultKind, type ServerName } from "../../chaos/faults.ts";
import { IpCommands } from "./ip-commands.ts";
import type { Meets, Network, Party, Place } from "./network.ts";

const BRIDGE = "qdfs";
/** Of a server's end of its link. */
const CARD = "eth0";
const GRPC_PORT = 7000;
const HTTP_PORT = 7080;
/** Longer than any machine takes to make an interface. */
const SETUP_PATIENCE_MS = 10_000;

interface Machine {
  readonly party: Party;
  readonly ip: string;
  readonly linkAddress: string;
  /** The interface through which it reaches all others. */
  readonly device: string;
  readonly commands: IpCommands;
}

export class NamespaceNetwork implements Network {
  readonly words = "every server in a network namespace of its own";
  readonly impossible: ReadonlySet<FaultKind> = new Set(["delay", "reset"]);
  readonly #machines: Machine[] = [];
  readonly #incident: (line: string) => void;
  readonly #cuts = new Set<Meets>();
  /** Directions that lose packets now, as `from to`. */
  readonly #broken = new Set<string>();

  /** `incident` hears of commands that failed. This process must be in a network namespace of its own. */
  constructor(incident: (line: string) => void) {
    this.#incident = incident;
  }

  async place(server: ServerName): Promise<Place> {
    if (this.#machines.length === 0) this.#machines.push(await this.#bridge());
    const machine = await this.#join(server);
    return {
      command: ["nsenter", `--net=/proc/${machine.commands.pid}/ns/net`, "--"],
      port: GRPC_PORT,
      args: ["--host", machine.ip, "--http-port", String(HTTP_PORT)],
      address: formatAddress(machine.ip, GRPC_PORT),
    };
  }

  cut(meets: Meets): Undo {
    this.#cuts.add(meets);
    this.#apply();
    return () => {
      this.#cuts.delete(meets);
      this.#apply();
    };
  }

  /** Resolves when the links are as they were told to be: a cut and its end take effect some milliseconds after they return. */
  async settled(): Promise<void> {
    await Promise.all(this.#machines.map(({ commands }) => commands.done()));
  }

  delay(): Undo {
    throw new QdfsError("BUG", "links between namespaces are not slowed");
  }

  reset(): void {
    throw new QdfsError("BUG", "connections between namespaces are not reset");
  }

  close(): void {
    for (const { commands } of this.#machines) commands.close();
  }

  async #bridge(): Promise<Machine> {
    const commands = new IpCommands([], this.#incident);
    const machine = { party: CLIENT, ...addresses(0), device: BRIDGE, commands };
    commands.run("link set dev lo up", `link add name ${BRIDGE} address ${machine.linkAddress} type bridge`, ...up(machine));
    await commands.done();
    return machine;
  }

  async #join(server: ServerName): Promise<Machine> {
    // A new namespace; what sets it up is what keeps it.
    const commands = new IpCommands(["unshare", "--net", "--"], this.#incident);
    const machine = { party: server, ...addresses(this.#machines.length), device: CARD, commands };
    commands.run(
      "link set dev lo up",
      `link add name ${CARD} address ${machine.linkAddress} type veth peer name ${server} netns ${process.pid}`,
      ...up(machine),
    );
    const [hub] = this.#machines;
    assert(hub !== undefined, "the bridge comes first");
    await interfaceIsHere(server);
    hub.commands.run(`link set dev ${server} master ${BRIDGE} up`);
    for (const other of this.#machines) {
      tell(machine, other, other.linkAddress);
      tell(other, machine, machine.linkAddress);
    }
    this.#machines.push(machine);
    await this.settled();
    return machine;
  }

  /** Makes the directions that are cut by any rule, and no others, lose packets. */
  #apply(): void {
    for (const from of this.#machines) {
      for (const to of this.#machines) {
        const direction = `${from.party} ${to.party}`;
        const cut = from !== to && [...this.#cuts].some((meets) => meets(from.party, to.party));
        if (cut === this.#broken.has(direction)) continue;
        tell(from, to, cut ? NOBODY : to.linkAddress);
        if (cut) this.#broken.add(direction);
        else this.#broken.delete(direction);
      }
    }
  }
}

const NOBODY = "02:00:00:00:ff:ff";

/** Of the machine with this number, in a network that nobody else sees. */
function addresses(number: number): { ip: string; linkAddress: string } {
  assert(number < 250, "a chaos cluster is small");
  return { ip: `10.0.0.${number + 1}`, linkAddress: `02:00:00:00:00:${(number + 1).toString(16).padStart(2, "0")}` };
}

function up({ ip, device }: Machine): readonly string[] {
  return [`addr add ${ip}/24 dev ${device}`, `link set dev ${device} up`];
}

/** From now on `from` sends what is for `to` to this link-layer address. */
function tell(from: Machine, to: Machine, linkAddress: string): void {
  from.commands.run(`neigh replace ${to.ip} lladdr ${linkAddress} dev ${from.device} nud permanent`);
}

async function interfaceIsHere(name: string): Promise<void> {
  const untilMs = performance.now() + SETUP_PATIENCE_MS;
  while (!readFileSync("/proc/net/dev", "latin1").includes(`${name}:`)) {
    if (performance.now() > untilMs) throw new QdfsError("BUG", `the link of ${name} was not made`);
    await Bun.sleep(5);
  }
}
