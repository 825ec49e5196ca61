import { execFile } from "node:child_process";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

type Question = { readonly pids: Set<number>; readonly times: Promise<ReadonlyMap<number, string>> };
let open: Question | undefined;

/**
 * When a process started, to the second; undefined if Windows does not tell. PowerShell takes a while to start, so one
 * process answers all callers that ask at the same time.
 */
export async function windowsStartTime(pid: number): Promise<string | undefined> {
  open ??= newQuestion();
  open.pids.add(pid);
  return (await open.times).get(pid);
}

function newQuestion(): Question {
  const pids = new Set<number>();
  return { pids, times: ask(pids) };
}

async function ask(pids: ReadonlySet<number>): Promise<ReadonlyMap<number, string>> {
  await nextTurn();
  open = undefined;
  const list = `Get-Process -Id ${[...pids].join(",")} -ErrorAction SilentlyContinue`;
  const print = `try { "$($_.Id) $($_.StartTime.ToUniversalTime().ToString('s'))" } catch { }`;
  const args = ["-NoProfile", "-NonInteractive", "-Command", `${list} | ForEach-Object { ${print} }`];
  const { stdout } = await run("powershell.exe", args, { windowsHide: true });
  return new Map([...stdout.matchAll(/^(\d+) (\S+)/gm)].map(([, pid, time]) => [Number(pid), time as string]));
}
