import { existsSync, readFileSync } from "node:fs";

const STAT = "/proc/self/stat";

/**
 * True if Ctrl-C reaches this process from the terminal, and with it every process that it started: the terminal
 * sends it to its foreground process group, whatever the standard streams are redirected to. If the system does not
 * tell the groups, a stream that is a terminal stands for it. @see proc_pid_stat(5), fields 5 (pgrp) and 8 (tpgid)
 */
export function isInForeground(): boolean {
  if (!existsSync(STAT)) return [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  const stat = readFileSync(STAT, "latin1");
  // The name of the program, in brackets before, may have spaces and brackets of its own.
  const [, , group, , , foregroundGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return group === foregroundGroup;
}
