/** Histories for property tests: what clients of a register that does one operation at a time write down, and spoilt ones. */
import fc from "fast-check";
import type { RecordedOperation } from "../../src/check/history.ts";
import { Register, type Wish } from "./register.ts";

interface Event {
  readonly wish: Wish;
  /** How far before and after its moment it was called and returned. */
  readonly before: number;
  readonly after: number;
  /** What its client learns of it. `lost`: nothing, and it was not done. `failed`: that it was not done. */
  readonly fate: "told" | "untold" | "lost" | "failed" | "early" | "eventual";
  readonly client: number;
  readonly erased: boolean;
}

export interface Shape {
  readonly operations: number;
  /** How many steps before and after their moments operations begin and end, at most. */
  readonly overlap: number;
  /** Of 100 operations. */
  readonly untold: number;
  readonly removals: boolean;
  readonly erasures?: boolean;
}

const small = fc.integer({ min: 1, max: 4 });

function wish(shape: Shape): fc.Arbitrary<Wish> {
  const precondition = fc.oneof(
    { weight: 2, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.constant({ precondition: { absent: true } as const }) },
    { weight: 1, arbitrary: small.map((version) => ({ precondition: { version } })) },
  );
  const put = precondition.map((when): Wish => ({ kind: "put", ...when }));
  const rm = precondition.filter((when) => !("precondition" in when && "absent" in when.precondition));
  return fc.oneof(
    { weight: 4, arbitrary: put },
    { weight: 4, arbitrary: fc.constant<Wish>({ kind: "get" }) },
    { weight: 1, arbitrary: small.map((of): Wish => ({ kind: "get", of })) },
    ...(shape.removals
      ? [
          { weight: 2, arbitrary: rm.map((when): Wish => ({ kind: "rm", ...when })) },
          { weight: 1, arbitrary: small.map((of): Wish => ({ kind: "restore", of })) },
        ]
      : []),
  );
}

function event(shape: Shape): fc.Arbitrary<Event> {
  const distance = fc.integer({ min: 0, max: 10 * shape.overlap });
  const fate = fc.oneof(
    { weight: 100 - shape.untold, arbitrary: fc.constant("told" as const) },
    { weight: shape.untold, arbitrary: fc.constantFrom("untold", "lost", "failed", "early", "eventual") },
  );
  const erased = shape.erasures ? fc.boolean() : fc.constant(false);
  return fc.record({
    wish: wish(shape),
    before: distance,
    after: distance,
    fate,
    client: fc.integer({ min: 1, max: 5 }),
    erased,
  });
}

/** A history that has an order: that in which the register did the operations, ten apart. */
export function trueHistory(shape: Shape): fc.Arbitrary<RecordedOperation[]> {
  return fc.array(event(shape), { minLength: 1, maxLength: shape.operations, size: "max" }).map(play);
}

function play(events: readonly Event[]): RecordedOperation[] {
  const register = new Register();
  return events.map(({ wish, before, after, fate, client, erased }, index) => {
    if (erased && register.isRemoved) register.erase();
    const moment = 10 * index;
    const written = wish.kind === "put" ? `v${index}` : null;
    const asked = { client, path: "/f", ...wish, valueId: written, callNs: moment - before };
    const returnNs = moment + after;
    const isGet = wish.kind === "get";
    if (fate === "failed" || (isGet && fate === "lost")) return { ...asked, version: null, returnNs, outcome: "fail" };
    if (fate === "lost") return { ...asked, version: null, returnNs: null, outcome: "unknown" };
    const answer = register.execute(written === null ? wish : { ...wish, valueId: written });
    if (fate === "untold" && !isGet) return { ...asked, version: null, returnNs: null, outcome: "unknown" };
    const guarantee = fate === "early" && !isGet ? "early-ack" : fate === "eventual" && isGet ? "eventual" : undefined;
    const valueId = written ?? answer.valueId;
    return { ...asked, returnNs, ...answer, valueId, ...(guarantee === undefined ? {} : { guarantee }) };
  });
}

interface Flaw {
  readonly at: number;
  readonly with: number;
  readonly kind: "version" | "value" | "time" | "outcome" | "swap" | "nothing" | "silence";
}

/** A history with some of its answers and moments changed: it may have an order or not. */
export function spoiltHistory(shape: Shape): fc.Arbitrary<RecordedOperation[]> {
  const index = fc.nat({ max: shape.operations - 1 });
  const kind = fc.constantFrom<Flaw["kind"][]>("version", "value", "time", "outcome", "swap", "nothing", "silence");
  const flaws = fc.array(fc.record({ at: index, with: index, kind }), { minLength: 1, maxLength: 3 });
  return fc.tuple(trueHistory(shape), flaws).map(([history, applied]) => applied.reduce(spoil, history));
}

function spoil(history: RecordedOperation[], flaw: Flaw): RecordedOperation[] {
  const at = flaw.at % history.length;
  const [operation, other] = [history[at], history[flaw.with % history.length]];
  if (operation === undefined || other === undefined) return history;
  return history.with(at, spoiltOperation(operation, other, flaw.kind));
}

function spoiltOperation(operation: RecordedOperation, other: RecordedOperation, kind: Flaw["kind"]): RecordedOperation {
  const answered = operation.outcome === "ok" || operation.refusal !== undefined;
  const { version, valueId, returnNs } = operation;
  switch (kind) {
    case "version":
      return answered && version !== null ? { ...operation, version: other.version ?? version + 1 } : operation;
    case "value":
      return operation.kind === "get" && valueId !== null ? { ...operation, valueId: other.valueId ?? "nobody's" } : operation;
    case "time":
      return returnNs === null ? operation : { ...operation, callNs: returnNs - 1 };
    case "outcome": {
      const { refusal: _, ...rest } = operation;
      if (operation.kind === "get" || returnNs === null) return operation;
      return operation.outcome === "ok" ? { ...rest, version: null, outcome: "fail" } : { ...rest, version: null, outcome: "ok" };
    }
    case "swap": {
      if (returnNs === null || other.returnNs === null) return operation;
      return { ...operation, callNs: other.callNs, returnNs: other.returnNs };
    }
    case "nothing":
      return operation.kind === "get" && operation.outcome === "ok" ? { ...operation, version: null, valueId: null } : operation;
    case "silence":
      // A recorder that is not told versions: the search has to do without them.
      return valueId !== null ? { ...operation, version: null } : operation;
  }
}
