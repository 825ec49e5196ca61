import { script } from "@bomb.sh/tab";
import { standardOutput } from "../terminal.ts";
import { BASH_SCRIPT, FISH_SCRIPT, ZSH_SCRIPT } from "./shell-scripts.ts";

const SCRIPTS = new Map([
  ["bash", BASH_SCRIPT],
  ["zsh", ZSH_SCRIPT],
  ["fish", FISH_SCRIPT],
]);

/** `iris-ports complete <shell>`: prints the script that completes command lines in that shell. */
export function complete(shell: string): void {
  const text = SCRIPTS.get(shell);
  if (text === undefined) script(shell, "iris-ports", "iris-ports");
  else standardOutput().write(text);
}
