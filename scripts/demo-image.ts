import { spawn } from "node:child_process";
import { DEFAULT_IRIS_IMAGE } from "../src/iris/image.ts";
import { ensureStandin } from "./build-standin.ts";
import { runCommand } from "./run-command.ts";

/** How long the image's registry may take to answer whether it has the image. */
const ANSWER_TIMEOUT_MS = 15_000;
const PULL_TIMEOUT_MS = 15 * 60_000;

/** The image that the demo uses as IRIS. */
export type DemoImage = { readonly name: string; readonly isStandin: boolean; readonly why: string };

/** Real IRIS if the engine has it or can pull it, else the stand-in. `IRIS_IMAGE` names another image. */
export async function findDemoImage(): Promise<DemoImage> {
  const name = process.env.IRIS_IMAGE || DEFAULT_IRIS_IMAGE;
  const isHere = (await runCommand("docker", ["image", "inspect", name])).exitCode === 0;
  if (isHere) return { name, isStandin: false, why: `IRIS is ${name}, which the engine has.` };
  const problem = await pull(name);
  if (problem === undefined) return { name, isStandin: false, why: `IRIS is ${name}, pulled just now.` };
  const why = `A stand-in is used instead of IRIS, because ${name} cannot be pulled: ${problem}`;
  return { name: await ensureStandin(), isStandin: true, why };
}

/** Undefined if it worked; otherwise the reason why not. */
function pull(name: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn("docker", ["pull", name], { stdio: ["ignore", "pipe", "pipe"] });
    let words = "";
    const giveUp = (why: string) => () => {
      words = why;
      child.kill();
    };
    const answer = setTimeout(giveUp("its registry does not answer"), ANSWER_TIMEOUT_MS);
    const limit = setTimeout(giveUp("it took too long"), PULL_TIMEOUT_MS);
    child.stdout.on("data", () => clearTimeout(answer));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (words += text));
    child.on("error", (error) => (words += error.message));
    child.on("close", (code) => {
      clearTimeout(answer);
      clearTimeout(limit);
      resolve(code === 0 ? undefined : words.trim().split("\n").at(-1) || `exit code ${code}`);
    });
  });
}
