import { installAction } from "./action-bundle.ts";

/** Vitest's global set-up of the projects that run the bundle; what it returns is its tear-down. */
export default function setup(): () => void {
  return installAction();
}
