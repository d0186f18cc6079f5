/** Findings about processes: who does not answer, who comes and goes, whose clock or program differs. */
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { formatDuration, formatPhi } from "../base/units.ts";
import { partitionsOf } from "../cluster/leave.ts";
import { deadOf, standingOf } from "../cluster/standing.ts";
import { DOCTOR_CLOCK_SKEW_MS } from "../tool-limits.ts";
import { NodeState, Standing } from "../wire/messages.ts";
import type { NodeStatus } from "../wire/status-messages.ts";
import type { Facts, ServerAnswer, ServerFacts } from "./facts.ts";
import { type Finding, finding, nodeList, restart } from "./finding.ts";

export function serverFindings(facts: Facts): readonly Finding[] {
  const statuses = new Map(facts.status?.nodes.map((node) => [node.node.number, node]));
  return [
    ...superNodeFindings(facts),
    ...[...facts.nodes].flatMap(([number, server]) => nodeFindings(facts, number, server, statuses.get(number))),
    ...clockFindings(facts),
    ...versionFindings(facts),
  ];
}

function superNodeFindings({ superNodes, status, map }: Facts): readonly Finding[] {
  if (status !== undefined) return [];
  const examples = superNodes.map(
    ({ address, answer }) => `${address}: ${typeof answer === "string" ? answer : "gives no status"}`,
  );
  const nodes = map.nodes.map(({ grpc }) => grpc).join(",");
  return [
    finding(
      "supernode-down",
      "warning",
      "no SuperNode answers: files are read and written, and nothing is listed, healed or moved",
      {
        examples,
        mend: [
          ...map.supernodes.map((address) => restart("supernode", address, [])),
          `qdfs supernode --recover-from ${nodes} --data EMPTY_DIR   # only if its data directory is lost`,
        ],
      },
    ),
  ];
}

function nodeFindings(facts: Facts, number: NodeNumber, server: ServerFacts, status: NodeStatus | undefined): readonly Finding[] {
  const { supernodes } = facts.map;
  const name = nodeName(number);
  const { answer } = server;
  const standing = standingIn(facts, number);
  if (standing === Standing.DEAD) {
    const what = `${name} was declared dead: what it held is given to others, then it is no member any more`;
    return [finding("node-dead", "note", what, { mend: ["qdfs status   # how far that is"] })];
  }
  const again = restart("datanode", server.address, supernodes);
  const state = status?.node.state;
  const found: Finding[] = [];
  if (typeof answer === "string") {
    if (state === NodeState.UP) {
      const what = `${name} does not answer here, though the SuperNode hears it: it stands still, or it cannot be reached from here`;
      found.push(finding("node-unreachable", "warning", what, { examples: [answer], mend: [again] }));
    } else {
      const silence = facts.status?.raised.find(({ node, alarm }) => node === number && /^(down|suspect)$/.test(alarm.kind));
      const what = `${name} does not answer${silence === undefined ? "" : `, and ${silence.alarm.words.join("; ")}`}`;
      found.push(
        finding("node-down", "warning", what, {
          examples: [answer],
          mend: [again, ...giveUpHints(facts, [number])],
        }),
      );
    }
  } else if (state === NodeState.DOWN || state === NodeState.SUSPECT) {
    const what = `${name} answers here, but the SuperNode does not hear it (phi ${formatPhi(status?.suspicion ?? 0)}): the network between them is cut, or it was frozen`;
    found.push(
      finding("node-unheard", "warning", what, { mend: [`qdfs status   # should show ${name} up within a second`, again] }),
    );
  }
  if (status !== undefined && status.heldForMs > 0) {
    const what = `${name} comes and goes, ${status.flaps} times lately: others are preferred until it has been steady for ${formatDuration(status.heldForMs)}`;
    const mend =
      standing === Standing.DRAINING ? ["qdfs status   # it is being drained"] : [`qdfs drain ${name}   # if it does not stop`];
    found.push(finding("node-flapping", "warning", what, { mend }));
  }
  if (standing === Standing.DRAINING && partitionsOf(facts.map, number).length === 0) {
    const what = `${name} is drained: it holds nothing, and is still a member`;
    found.push(
      finding("node-drained", "note", what, {
        mend: [`qdfs remove ${name}`, `qdfs drain --cancel ${name}   # if it is to be used again`],
      }),
    );
  }
  if (status !== undefined && status.catchingUp > 0 && state === NodeState.UP)
    found.push(
      finding("catching-up", "note", `${name} has ${status.catchingUp} changes of others to look at`, {
        count: status.catchingUp,
      }),
    );
  return found;
}

function standingIn({ map }: Facts, number: NodeNumber): Standing {
  const node = map.nodes.find((member) => member.number === number);
  return node === undefined ? Standing.MEMBER : standingOf(node);
}

/** Everyone that answered, and what. */
function answered({ superNodes, nodes }: Facts): readonly (ServerAnswer & { readonly name: string })[] {
  return [...superNodes, ...nodes.values()].flatMap(({ name, answer }) =>
    typeof answer === "string" ? [] : [{ ...answer, name }],
  );
}

/** Files are as safe with clocks as without: only the times that are shown depend on them. */
function clockFindings(facts: Facts): readonly Finding[] {
  const clocks = answered(facts).toSorted((a, b) => a.clockAheadMs - b.clockAheadMs);
  const [slowest, fastest] = [clocks.at(0), clocks.at(-1)];
  if (slowest === undefined || fastest === undefined) return [];
  const apartMs = fastest.clockAheadMs - slowest.clockAheadMs;
  if (apartMs - slowest.clockErrorMs - fastest.clockErrorMs < DOCTOR_CLOCK_SKEW_MS) return [];
  const what = `the clock of ${fastest.name} is ${formatDuration(apartMs)} ahead of that of ${slowest.name}: times in listings are off by that, nothing else`;
  const examples = clocks.map(({ name, clockAheadMs }) => `${name}: ${signed(clockAheadMs)}`);
  return [
    finding("clock-skew", "warning", what, { examples, mend: ["timedatectl set-ntp true   # on the host whose clock is wrong"] }),
  ];
}

/** Against the doctor's own clock. */
export function signed(ms: number): string {
  return `${ms < 0 ? "-" : "+"}${formatDuration(Math.abs(ms))}`;
}

function versionFindings(facts: Facts): readonly Finding[] {
  const byVersion = new Map<string, string[]>();
  for (const { name, version } of answered(facts)) byVersion.set(version, [...(byVersion.get(version) ?? []), name]);
  if (byVersion.size < 2) return [];
  const examples = [...byVersion].map(([version, names]) => `${version}: ${names.join(", ")}`);
  const what = "not everyone runs the same version of qdfs: fine while it is being replaced, one by one";
  return [
    finding("versions-differ", "note", what, {
      examples,
      mend: ["qdfs --version   # on each host; then restart those that are behind"],
    }),
  ];
}

/** … for sentences elsewhere. Who was declared dead is never to be started again. */
export function startHints({ nodes, map }: Facts, away: Iterable<NodeNumber>): readonly string[] {
  const dead = deadOf(map);
  return [...away].flatMap((number) => {
    const server = nodes.get(number);
    return server === undefined || dead.has(number)
      ? []
      : [`${restart("datanode", server.address, map.supernodes)}   # ${nodeList([number])}`];
  });
}

/** … and given up, if that is what it comes to. */
export function giveUpHints({ map }: Facts, away: readonly NodeNumber[]): readonly string[] {
  const dead = deadOf(map);
  return away.flatMap((number) =>
    dead.has(number) ? [] : [`qdfs remove --dead ${nodeName(number)}   # only if it never comes back`],
  );
}
