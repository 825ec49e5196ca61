import fs from "node:fs";
import { onTestFinished, vi } from "vitest";

/**
 * What paths hold: the text of a file, the target of a link, a directory's names (of a process's directory, its owner), or
 * the error of reading it.
 */
type Recorded = Readonly<Record<string, string | NodeJS.ErrnoException>>;

const real = { ...fs };

/**
 * Shows this process a /proc as another system has it, until the test ends. With `isOverlay`, what is not recorded stays
 * as it is; otherwise it is missing.
 */
export function showProc(recorded: Recorded, { isOverlay = false } = {}): void {
  const isShown = (path: string) => path in recorded || (path.startsWith("/proc") && !isOverlay);
  const read = (path: string) => {
    const value = recorded[path];
    if (typeof value === "string") return value;
    throw value ?? systemError("ENOENT");
  };
  replace("readFileSync", isShown, read);
  replace("readlinkSync", isShown, read);
  replace("readdirSync", isShown, (path) => read(path).split(" "));
  replace("statSync", isShown, (path) => (path in recorded ? { uid: Number(read(path)) } : undefined));
  replace("existsSync", isShown, (path) => recorded[path] !== undefined);
}

function replace(
  name: "readFileSync" | "readlinkSync" | "readdirSync" | "statSync" | "existsSync",
  isShown: (path: string) => boolean,
  show: (path: string) => unknown,
): void {
  const otherwise = real[name] as (...args: unknown[]) => unknown;
  const shown = (path: unknown, ...rest: unknown[]) =>
    isShown(String(path)) ? show(String(path)) : otherwise(path, ...rest);
  const spy = vi.spyOn(fs, name).mockImplementation(shown as never);
  onTestFinished(() => void spy.mockRestore());
}

/** As the system throws it. */
export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: recorded`), { code });
}
