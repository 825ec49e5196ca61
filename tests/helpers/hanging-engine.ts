import net from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { temporaryDirectory } from "./registry.ts";

/** The engine behind a socket that never answers requests whose first line matches. */
export function hangingEngine(hangsAt: RegExp, target?: string): Promise<string> {
  return faultyEngine(hangsAt, () => {}, target);
}

/** The engine behind a socket that breaks off in the middle of its answer to such requests. */
export function brokenEngine(breaksAt: RegExp): Promise<string> {
  const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
  return faultyEngine(breaksAt, (client) => client.end(`${head}{"status":`));
}

async function faultyEngine(
  faultAt: RegExp,
  answer: (client: net.Socket) => unknown,
  target = "/var/run/docker.sock",
): Promise<string> {
  const path = join(temporaryDirectory(), "docker.sock");
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const engine = net.connect({ path: target, allowHalfOpen: true });
    for (const socket of [client, engine]) sockets.add(socket.on("error", () => undefined));
    client.on("data", (chunk) => {
      if (!faultAt.test(chunk.toString("latin1").split("\r\n", 1)[0] as string)) engine.write(chunk);
      else answer(client);
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
