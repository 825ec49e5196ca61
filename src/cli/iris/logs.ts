import { InvalidArgumentError } from "../../errors/errors.ts";
import { attachedDocker } from "./attached-docker.ts";
import { findIris, type IrisOptions, openIris } from "./open-iris.ts";
import { noContainer } from "./require-running.ts";

/** `iris-ports logs`: what the project's IRIS has written; with `--follow` until Ctrl-C. Returns the exit code. */
export async function logs(
  project: string | undefined,
  options: IrisOptions & { follow?: boolean; tail?: string },
): Promise<number> {
  checkTail(options.tail);
  const open = openIris(options);
  const { assignment, container } = await findIris(open, { ...options, project });
  if (container === undefined) throw noContainer(open, assignment, container);
  const args = [
    ...(options.follow ? ["--follow"] : []),
    ...(options.tail === undefined ? [] : ["--tail", options.tail]),
    container.id,
  ];
  return attachedDocker(open.engine, ["logs", ...args]);
}

/** Docker shows the whole log for a number that it cannot read. @throws InvalidArgumentError */
function checkTail(tail: string | undefined): void {
  if (tail === undefined || /^\d+$/.test(tail)) return;
  throw new InvalidArgumentError({
    what: `--tail is not a number of lines: ${JSON.stringify(tail)}.`,
    remedy: "give a whole number, e.g. 50",
    argument: "--tail",
    value: tail,
  });
}
