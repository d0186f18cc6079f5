import { codeOf, messageOf, QdfsError } from "../base/errors.ts";
import { type NodeNumber, nodeName } from "../base/ids.ts";
import { READ_HEDGE_MS } from "../limits.ts";
import type { Runtime } from "../ports.ts";
import type { ReadPace } from "../register/reader.ts";
import { Inbox } from "./inbox.ts";

export interface Asking<Answer> {
  /** Whom, best first. */
  readonly order: readonly NodeNumber[];
  /** One that has not answered after so many ms is joined by the next; or when a read's pace says so, which is told what is observed. */
  readonly hedge: number | ReadPace;
  readonly budgetMs: number;
  readonly runtime: Runtime;
  /** Rejects when this node's answer is of no use. */
  ask(node: NodeNumber, timeoutMs: number): Promise<Answer>;
  /** Begins the message of the failure. */
  readonly what: string;
}

type Event<Answer> = { readonly node: NodeNumber } & ({ readonly answer: Answer } | { readonly error: unknown });

/**
 * The first useful answer of nodes asked in turn: the next one is asked when one fails, and when one is slow. Only for
 * what may be repeated freely.
 *
 * @throws QdfsError what every node answered if they agree on its code; CORRUPT or NOT_FOUND are never said while a node has
 * not been heard: then, and when they disagree, QUORUM_UNAVAILABLE with every cause
 */
export async function askInTurn<Answer>(asking: Asking<Answer>): Promise<{ readonly node: NodeNumber; readonly answer: Answer }> {
  const { order, hedge, budgetMs, runtime } = asking;
  const { clock } = runtime;
  const pace = typeof hedge === "number" ? undefined : hedge;
  const hedgeMs = typeof hedge === "number" ? hedge : hedge.hedgeMs;
  const inbox = new Inbox<Event<Answer>>(runtime.timers);
  const deadlineMs = clock.monotonicMs() + budgetMs;
  const askedAtMs = new Map<NodeNumber, number>();
  const waitedMs = (node: NodeNumber) => clock.monotonicMs() - (askedAtMs.get(node) ?? deadlineMs);
  const causes = new Map<NodeNumber, unknown>();
  let next = 0;
  let waitMs = hedgeMs;
  const askNext = () => {
    const node = order[next];
    if (node === undefined) return;
    next += 1;
    askedAtMs.set(node, clock.monotonicMs());
    const timeoutMs = Math.max(1, Math.ceil(deadlineMs - clock.monotonicMs()));
    asking.ask(node, timeoutMs).then(
      (answer) => {
        pace?.answered(node, waitedMs(node));
        inbox.push({ node, answer });
      },
      (error: unknown) => inbox.push({ node, error }),
    );
  };
  const mayGoOn = (): boolean => {
    if (pace === undefined) return true;
    const late = order.slice(0, next).filter((node) => !causes.has(node));
    for (const node of late) pace.overdue(node, waitedMs(node));
    return pace.mayReplace(late);
  };
  askNext();
  while (causes.size < order.length) {
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) break;
    const event = await inbox.next(next < order.length ? Math.min(waitMs, leftMs) : leftMs);
    if (event === undefined) {
      waitMs = Math.max(hedgeMs, READ_HEDGE_MS);
      if (next < order.length && mayGoOn()) askNext();
    } else if ("answer" in event) return event;
    else {
      if (codeOf(event.error) === undefined) throw event.error;
      causes.set(event.node, event.error);
      askNext();
    }
  }
  throw failure(asking, causes);
}

function failure<Answer>({ order, what }: Asking<Answer>, causes: ReadonlyMap<NodeNumber, unknown>): QdfsError {
  const codes = new Set([...causes.values()].map(codeOf));
  const [code] = codes;
  const shown = order.map((node) => `${nodeName(node)}: ${causes.has(node) ? messageOf(causes.get(node)) : "no answer yet"}`);
  const unanimous = codes.size === 1 && causes.size === order.length && code !== undefined;
  const lone = code === "NODE_UNREACHABLE" || code === "NODE_SILENT";
  return new QdfsError(
    unanimous && !lone ? code : "QUORUM_UNAVAILABLE",
    `${what} needs 1 of ${order.length}, got 0 (${shown.join("; ")})`,
    {
      need: 1,
      of: order.length,
      got: 0,
      causes: shown,
    },
  );
}
