import { type ChildProcess, spawn } from "node:child_process";
import { Agent } from "node:http";
import { Duplex } from "node:stream";
import type { EngineAddress } from "./engine-address.ts";

/**
 * Connects as Docker's own command does: each connection is `ssh <host> docker system dial-stdio`, so that keys, agents
 * and host names are those of the user's ssh configuration.
 * @see https://github.com/docker/cli/tree/master/cli/connhelper
 */
export class SshAgent extends Agent {
  readonly #args: readonly string[];

  constructor({ user, host, port }: NonNullable<EngineAddress["ssh"]>) {
    super({ keepAlive: false });
    this.#args = [
      // ssh must not prompt for a password.
      ...["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"],
      ...(user === undefined ? [] : ["-l", user]),
      ...(port === undefined ? [] : ["-p", String(port)]),
      ...["--", host, "docker", "system", "dial-stdio"],
    ];
  }

  override createConnection(): Duplex {
    const child = spawn("ssh", this.#args, { stdio: ["pipe", "pipe", "pipe"] });
    // Without free file descriptors, Node makes no streams and reports only the error.
    if (!(child as Partial<ChildProcess>).stdin) return failing(child);
    const connection = Duplex.from({ readable: child.stdout, writable: child.stdin });
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-2_000);
    });
    child.once("error", (error) => connection.destroy(error));
    child.once("close", (code) => {
      if (code !== 0) connection.destroy(new Error(words.trim() || `ssh ended with exit code ${code}`));
    });
    connection.once("close", () => child.kill());
    return connection;
  }
}

/** A connection that ends with the error of a process that could not be started. */
function failing(child: ChildProcess): Duplex {
  const connection = new Duplex({ read: () => undefined, write: () => undefined });
  child.once("error", (error) => connection.destroy(error));
  return connection;
}
