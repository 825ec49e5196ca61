import net from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { temporaryDirectory } from "./registry.ts";

/** The engine behind a socket that never answers requests whose first line matches. */
export async function hangingEngine(hangsAt: RegExp, target = "/var/run/docker.sock"): Promise<string> {
  const path = join(temporaryDirectory(), "docker.sock");
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const engine = net.connect({ path: target, allowHalfOpen: true });
    for (const socket of [client, engine]) sockets.add(socket.on("error", () => undefined));
    client.on("data", (chunk) => {
      if (!hangsAt.test(chunk.toString("latin1").split("\r\n", 1)[0] as string)) engine.write(chunk);
    });
    client.on("end", () => engine.end());
    client.on("close", () => engine.destroy());
    engine.on("end", () => client.end());
    engine.on("data", (chunk) => client.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `unix://${path}`;
}
