/**
 * The small limit: the rows that a DataNode writes for a put, inserted into SQLite in group commits, with nothing else: no
 * network, no protocol. `bun inserts.ts DIR SIZE_BYTES BATCH SPAN_MS`: prints one JSON line, rows per second.
 */
import Database from "better-sqlite3";

const HEAD_BYTES = 150;

const [dir = ".", ...numbers] = process.argv.slice(2);
const [sizeBytes = 4096, batch = 256, spanMs = 1000] = numbers.map(Number);
const db = new Database(`${dir}/inserts.db`);
for (const pragma of ["journal_mode=WAL", "synchronous=FULL", "locking_mode=EXCLUSIVE", "wal_autocheckpoint=8000"]) {
  db.pragma(pragma);
}
db.exec(`create table accepted (sequence integer primary key, path text not null, configuration integer not null,
  counter integer not null, node integer not null, random text not null, head blob not null, content blob) strict`);
db.exec("create index accepted_by_path on accepted (path)");
const insert = db.prepare<[number, string, number, number, number, string, Uint8Array, Uint8Array]>(
  "insert into accepted values (?, ?, ?, ?, ?, ?, ?, ?)",
);
const commitAll = db.transaction((first: number) => {
  for (let row = first; row < first + batch; row++) {
    const random = (row * 0x9e3779b1).toString(16).padStart(16, "0");
    insert.run(row, `/bench/0123456789abcdef/${random.slice(0, 2)}/file-${random}`, 1, row, 1, random, head, content);
  }
});
const head = Buffer.alloc(HEAD_BYTES, 7);
const content = Buffer.alloc(sizeBytes, 9);

let rows = 0;
const beganMs = performance.now();
while (performance.now() - beganMs < spanMs) {
  commitAll(rows + 1);
  rows += batch;
}
process.stdout.write(`${JSON.stringify({ rowsPerSec: (rows / (performance.now() - beganMs)) * 1000 })}\n`);
