import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { temporaryDirectory } from "./registry.ts";

/** The engine behind a socket, with every description of a container changed on the way; returns its address. */
export async function changedEngine<T>(change: (inspected: T) => unknown, target = "/var/run/docker.sock") {
  const server = http.createServer((request, reply) => {
    const { method, url: path = "", headers } = request;
    const asked = http.request({ socketPath: target, method, path, headers }, async (answer) => {
      const isInspection = /\/containers\/[^/]+\/json$/.test(path) && answer.statusCode === 200;
      if (isInspection) reply.end(JSON.stringify(change((await json(answer)) as T)));
      else answer.pipe(reply.writeHead(answer.statusCode ?? 500, answer.headers));
    });
    asked.on("error", () => reply.destroy());
    reply.on("close", () => asked.destroy());
    request.pipe(asked);
  });
  // The streams of an exec.
  server.on("upgrade", ({ method, url, rawHeaders }, client, head) => {
    const engine = net.connect(target);
    const lines = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`));
    engine.write(`${method} ${url} HTTP/1.1\r\n${lines.join("")}\r\n`);
    engine.write(head);
    for (const [from, to] of [[client, engine] as const, [engine, client] as const]) {
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
      from.pipe(to);
    }
  });
  const path = join(temporaryDirectory(), "docker.sock");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `unix://${path}`;
}
