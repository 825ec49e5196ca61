import type { Paint } from "./table.ts";

/** Where a command writes its result. */
export type Terminal = {
  /** False where the output is piped: then nothing is shortened. */
  readonly isInteractive: boolean;
  readonly width: number | undefined;
  readonly paint: Paint;
  write(text: string): void;
};
