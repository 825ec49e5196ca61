import { setTimeout as delay } from "node:timers/promises";
import type { IrisNamespace } from "iris-ports";

/** Waits until the other worker is here as well, so that both run at once. They meet in the namespace USER, which both see. */
export async function meet(iris: IrisNamespace, me: string, other: string): Promise<void> {
  await iris.runObjectScript(['zn "USER"', `set ^Meeting("${me}")=1`]);
  const look = ['zn "USER"', `write $data(^Meeting("${other}"))`];
  while ((await iris.runObjectScript(look)) !== "1") await delay(100);
}
