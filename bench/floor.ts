import fs from "node:fs";
import { join } from "node:path";
import { type Measurement, medianMs, scratchDirectory } from "./measure.ts";

/** The system calls that every commit needs, each in microseconds. */
export function measureFloor(): Measurement[] {
  using scratch = scratchDirectory();
  const { path } = scratch;
  const text = "x".repeat(2_000);
  const file = (name: string) => join(path, name);
  const write = (name: string, isSynced: boolean) => writeNew(file(name), text, isSynced);
  fs.writeFileSync(file("read"), text);
  let turn = 0;
  const calls: Record<string, () => void> = {
    "mkdir + rmdir": () => {
      fs.mkdirSync(file("lock"));
      fs.rmdirSync(file("lock"));
    },
    "read a file": () => fs.readFileSync(file("read")),
    "write a new file": () => write(`new-${turn++}`, false),
    "write a new file + fsync": () => write(`synced-${turn++}`, true),
    "rename to a new name": () => {
      fs.renameSync(file(turn % 2 ? "b" : "a"), file(turn % 2 ? "a" : "b"));
      turn++;
    },
    "fsync a directory after a rename": () => {
      fs.renameSync(file(turn % 2 ? "b" : "a"), file(turn % 2 ? "a" : "b"));
      turn++;
      const fd = fs.openSync(path, "r");
      fs.fsyncSync(fd);
      fs.closeSync(fd);
    },
  };
  const rows: Measurement[] = [];
  for (const [name, call] of Object.entries(calls)) {
    turn = 1;
    fs.writeFileSync(file("b"), text);
    rows.push({ name, value: medianMs(300, call) * 1_000, unit: "us" });
  }
  turn = 0;
  for (let index = 0; index < 300; index++) write(`over-${index}`, false);
  rows.push({
    name: "rename over the document",
    value: medianMs(300, () => fs.renameSync(file(`over-${turn++}`), file("document"))) * 1_000,
    unit: "us",
  });
  return [...rows, ...measureBareCycles()];
}

/** The approximate size of an entry in the document, in bytes. */
const ENTRY_BYTES = 550;

/** The system calls of an assignment and a release, without any decisions, checks or queries. */
function measureBareCycles(): Measurement[] {
  const cases = [
    { entries: 1, isDurable: true },
    { entries: 1, isDurable: false },
    { entries: 10, isDurable: false },
    { entries: 1_000, isDurable: false },
  ];
  return cases.map(({ entries, isDurable }) => {
    using scratch = scratchDirectory();
    const commit = bareCommit(scratch.path, "x".repeat(entries * ENTRY_BYTES), isDurable);
    const lock = join(scratch.path, "lock");
    const value = medianMs(300, () => {
      fs.mkdirSync(lock);
      commit();
      fs.rmdirSync(lock);
      commit();
    });
    const beside = entries > 1 ? ` beside ${entries} entries` : "";
    const name = `the system calls of assign + release${beside}, ${isDurable ? "" : "not "}durable`;
    return { name, value, unit: "ms" };
  });
}

/** The file operations of a commit: the next version and its copy are written, claimed, published and read back. */
function bareCommit(directory: string, text: string, isDurable: boolean): () => void {
  const at = (name: string) => join(directory, name);
  const write = (name: string, isSynced: boolean) => writeNew(at(name), text, isSynced);
  for (const name of ["document", "head.0", "copy.0"]) write(name, false);
  let revision = 0;
  return () => {
    const next = revision + 1;
    const former = fs.openSync(at("document"), "r");
    fs.readFileSync(former);
    write(`data.${next}`, isDurable);
    write(`copy.${next}`, false);
    fs.renameSync(at(`head.${revision}`), at(`head.${next}`));
    fs.unlinkSync(at(`copy.${revision}`));
    fs.renameSync(at(`data.${next}`), at("document"));
    fs.readFileSync(at("document"));
    fs.closeSync(former);
    revision = next;
  };
}

function writeNew(path: string, text: string, isSynced: boolean): void {
  const fd = fs.openSync(path, "wx");
  fs.writeSync(fd, text);
  if (isSynced) fs.fsyncSync(fd);
  fs.closeSync(fd);
}
