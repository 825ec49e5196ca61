import fs from "node:fs";
import { join } from "node:path";
import { type Measurement, medianMs, scratchDirectory } from "./measure.ts";

/** The system calls that a commit cannot do without, one by one, in microseconds. */
export function measureFloor(): Measurement[] {
  using scratch = scratchDirectory();
  const { path } = scratch;
  const text = "x".repeat(2_000);
  const file = (name: string) => join(path, name);
  const write = (name: string, isSynced: boolean) => {
    const fd = fs.openSync(file(name), "wx");
    fs.writeSync(fd, text);
    if (isSynced) fs.fsyncSync(fd);
    fs.closeSync(fd);
  };
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
  return rows;
}
