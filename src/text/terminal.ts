import type { Paint } from "./table.ts";

/** Where a command writes its result. */
export type Terminal = {
  /** False if the output is piped; nothing is shortened then. */
  readonly isInteractive: boolean;
  readonly width: number | undefined;
  readonly paint: Paint;
  write(text: string): void;
};
