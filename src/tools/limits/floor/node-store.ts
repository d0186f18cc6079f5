/** What a node of the floor keeps: one SQLite file, every commit flushed by SQLite itself. */
import Database from "better-sqlite3";
import { type Ack, Kind, type Op, Status } from "./wire.ts";

interface Register {
  readonly accepted: number | null;
  readonly head: string | null;
}

export class FloorStore {
  readonly #begin;
  readonly #commit;
  readonly #prepare;
  readonly #accept;
  readonly #insertContent;
  readonly #readHead;
  readonly #readContent;

  constructor(path: string) {
    const db = new Database(path);
    for (const pragma of ["journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000", "cache_size=-65536"]) {
      db.pragma(pragma);
    }
    db.exec("create table register(key text primary key, promised int, accepted int, head text) without rowid");
    db.exec("create table content(id integer primary key, bytes blob)");
    this.#begin = db.prepare("begin immediate");
    this.#commit = db.prepare("commit");
    this.#prepare = db.prepare<[string, number], Register>(
      `insert into register(key,promised) values(?,?)
       on conflict(key) do update set promised=excluded.promised where promised<excluded.promised returning accepted,head`,
    );
    this.#accept = db.prepare<[number, number, string, string, number]>(
      "update register set promised=?,accepted=?,head=? where key=? and promised<=?",
    );
    this.#insertContent = db.prepare<[Uint8Array]>("insert into content(bytes) values(?)");
    this.#readHead = db.prepare<[string], Register>("select accepted,head from register where key=?");
    this.#readContent = db.prepare<[number], { readonly bytes: Buffer }>("select bytes from content where id=?");
  }

  /** All of them in one transaction, if one of them writes: durable when it returns. */
  execute(batches: readonly (readonly Op[])[]): readonly (readonly Ack[])[] {
    const writes = batches.some((ops) => ops.some((op) => op.kind <= Kind.ACCEPT));
    if (writes) this.#begin.run();
    const answers = batches.map((ops) => ops.map((op) => this.#answer(op)));
    if (writes) this.#commit.run();
    return answers;
  }

  #answer({ id, kind, key, ballot = 0, content = new Uint8Array(0), head = "" }: Op): Ack {
    if (kind === Kind.PREPARE) {
      const row = this.#prepare.get(key, ballot);
      return { id, status: row ? Status.OK : Status.CONFLICT, ballot: row?.accepted ?? 0, head: row?.head ?? "" };
    }
    if (kind === Kind.ACCEPT) {
      const contentId = this.#insertContent.run(content).lastInsertRowid;
      const { changes } = this.#accept.run(ballot, ballot, contentId + head, key, ballot);
      return { id, status: changes > 0 ? Status.OK : Status.CONFLICT };
    }
    const row = this.#readHead.get(key);
    const wanted = row !== undefined && ballot > 0 ? this.#readContent.get(Number.parseInt(row.head ?? "", 10)) : undefined;
    return {
      id,
      status: row ? Status.OK : Status.ABSENT,
      ballot: row?.accepted ?? 0,
      head: row?.head ?? "",
      content: wanted?.bytes,
    };
  }
}
