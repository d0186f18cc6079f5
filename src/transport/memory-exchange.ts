/** One request to a server of a MemoryNetwork and its answer: what the twins of the unary call and of HTTP have in common. */
import { QdfsError } from "../base/errors.ts";
import type { Runtime } from "../ports.ts";
import { codecOf } from "../wire/codec.ts";
import { errorOf, failureOf } from "../wire/failure.ts";
import type { Failure } from "../wire/messages.ts";
import type { MemoryNetwork, MemoryServices } from "./memory-network.ts";

const failureCodec = codecOf<Failure>("Failure");

export interface Exchange<S, T> {
  readonly from: string;
  readonly to: string;
  readonly limitMs: number;
  /** The service that is asked; undefined: nobody listens there. */
  readonly service: (services: MemoryServices) => S | undefined;
  readonly run: (service: S) => Promise<T>;
  /** What the caller is told when there is no answer. `sent`: the server may have done it. */
  readonly failure: (why: string, sent: boolean) => QdfsError;
}

/** A request that comes twice runs twice; the first answer counts. An error comes through the codec, as over a wire. */
export function exchange<S, T>(network: MemoryNetwork, runtime: Runtime, options: Exchange<S, T>): Promise<T> {
  const { from, to, limitMs, service, run, failure } = options;
  return new Promise((resolve, reject) => {
    const cancel = runtime.timers.after(limitMs, () => reject(failure(`timed out after ${limitMs} ms`, true)));
    const back = (settle: () => void): void =>
      network.carry(to, from, () => {
        cancel();
        settle();
      });
    const arrived = (): void => {
      const listener = network.listener(to);
      const asked = listener === undefined ? undefined : service(listener.services);
      if (listener === undefined || asked === undefined) {
        back(() => reject(failure("connection refused", false)));
        return;
      }
      const forget = listener.whenClosed(() => back(() => reject(failure("connection lost", true))));
      const answered = (settle: () => void): void => {
        forget();
        if (listener.open) back(settle);
      };
      run(asked).then(
        (answer) => answered(() => resolve(answer)),
        (error) => {
          if (!(error instanceof QdfsError)) throw error;
          const packed = failureCodec.encode(failureOf(error));
          answered(() => reject(errorOf(failureCodec.decode(packed))));
        },
      );
    };
    network.carry(from, to, arrived);
  });
}
