import { setTimeout as delay } from "node:timers/promises";
import type { IrisNamespace } from "iris-ports";

/** Waits, in the namespace USER that both workers see, until the other one has come as well: so both run at once. */
export async function meet(iris: IrisNamespace, me: string, other: string): Promise<void> {
  await iris.runObjectScript(['zn "USER"', `set ^Meeting("${me}")=1`]);
  const look = ['zn "USER"', `write $data(^Meeting("${other}"))`];
  while ((await iris.runObjectScript(look)) !== "1") await delay(100);
}
