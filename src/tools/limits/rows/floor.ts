/** Small files against the floor (../floor), and against SQLite alone. */
import { medianOf } from "../../../base/median.ts";
import { type Experiment, inTurn, type Row } from "../experiment.ts";
import type { Lab } from "../lab.ts";
import { runScript } from "../scripts.ts";

const SMALL = { name: "100 B", sizeBytes: 100 } as const;
const PAGE = { name: "4 KiB", sizeBytes: 4096 } as const;
const IN_FLIGHT = [1, 32, 256];
const PUT_MS = 600;
const GET_MS = 600;
/** Of each measured client's own, ours and the floor's: its compiler is to have seen the path. */
const WARM_UP_MS = 800;
/** The floor's client has put for a while when it gets: ours, whose gets are a process of their own, is to be as old then. */
const GET_WARM_UP_MS = WARM_UP_MS + PUT_MS + WARM_UP_MS;
/** Files that gets choose from; ours puts them first. */
const FILES = 2000;
/** With one at a time a put of ours flushes once, the floor's twice. */
const TARGET_ALONE = 1.3;

export function floorExperiments(lab: Lab): readonly Experiment[] {
  const floors = [SMALL, PAGE].flatMap((size) => IN_FLIGHT.map((inFlight) => againstFloor(lab, size, inFlight)));
  return [...floors, againstSqlite(lab)];
}

type Size = typeof SMALL | typeof PAGE;

function row(kind: "put" | "get", size: Size, inFlight: number): Row {
  const alone = kind === "put" && inFlight === 1;
  const target = !alone ? 1 : size === PAGE ? TARGET_ALONE : null;
  return { name: `${kind} ${size.name} x ${inFlight}`, unit: "1/s, floor", target, lowerIsBetter: false };
}

function againstFloor(lab: Lab, size: Size, inFlight: number): Experiment {
  const { sizeBytes } = size;
  const ours = async () => {
    const product = await lab.product();
    const put = await product.bench(...benchFlags("put", sizeBytes, inFlight, WARM_UP_MS, PUT_MS), "--files", "1000000");
    const get = await product.bench(...benchFlags("get", sizeBytes, inFlight, GET_WARM_UP_MS, GET_MS), "--files", String(FILES));
    return { put: put.operations.put.perSec, get: get.operations.get.perSec };
  };
  const reference = async () =>
    (await lab.floor()).measure({ sizeBytes, inFlight, warmUpMs: WARM_UP_MS, putMs: PUT_MS, getMs: GET_MS });
  return {
    rows: [row("put", size, inFlight), row("get", size, inFlight)],
    prepare: async () => {
      await lab.product();
      await lab.floor();
    },
    round: async (index) => {
      const [our, floor] = await inTurn(index, ours, reference);
      return [
        { ours: our.put, reference: floor.putsPerSec },
        { ours: our.get, reference: floor.getsPerSec },
      ];
    },
  };
}

/** The same rows in group commits in three processes, with no network: what the disk and SQLite leave. */
function againstSqlite(lab: Lab): Experiment {
  const inFlight = 256;
  const { sizeBytes } = PAGE;
  const ours = async () => {
    const product = await lab.product();
    const rates = await product.bench(...benchFlags("put", sizeBytes, inFlight, WARM_UP_MS, PUT_MS), "--files", "1000000");
    return rates.operations.put.perSec;
  };
  let run = 0;
  const reference = async () => {
    run += 1;
    const rates = await Promise.all(
      [1, 2, 3].map((node) =>
        runScript<{ readonly rowsPerSec: number }>("small/inserts.ts", [
          lab.directory(`inserts-${run}-${node}`),
          sizeBytes,
          inFlight,
          PUT_MS,
        ]),
      ),
    );
    // Two of three have to have a row: the middle one says when.
    return medianOf(rates.map(({ rowsPerSec }) => rowsPerSec));
  };
  return {
    rows: [
      { name: `put ${PAGE.name} x ${inFlight} against SQLite alone`, unit: "1/s, limit", target: null, lowerIsBetter: false },
    ],
    prepare: async () => void (await lab.product()),
    round: async (index) => {
      const [our, limit] = await inTurn(index, ours, reference);
      return [{ ours: our, reference: limit }];
    },
  };
}

export function benchFlags(
  kind: "put" | "get",
  sizeBytes: number,
  inFlight: number,
  warmUpMs: number,
  spanMs: number,
): readonly string[] {
  const load = ["--only", kind, "--clients", "1", "--in-flight", String(inFlight)];
  return [...load, "--size", String(sizeBytes), "--warm-up", `${warmUpMs}ms`, "--duration", `${spanMs}ms`];
}
