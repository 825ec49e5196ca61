import net from "node:net";
import { describe, expect, test } from "vitest";
import { IdleProcess } from "../helpers/processes.ts";
import { EngineBench, listening, PATIENCE_MS } from "./engine-bench.ts";
import { report } from "./figures.ts";

/** Something that listens where an engine should, until the test ends. */
async function impostor(answer: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket)));
    answer(socket);
  });
  return listening(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

const response = (status: string, body: string) =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const IMPOSTORS: Readonly<Record<string, (socket: net.Socket) => void>> = {
  "accepts and never answers": () => undefined,
  "reads the question and never answers": (socket) => void socket.resume(),
  "hangs up at once": (socket) => socket.destroy(),
  "answers a byte a second": (socket) => {
    const timer = setInterval(() => socket.write("H"), 1_000);
    socket.once("close", () => clearInterval(timer));
  },
  "stops in the middle of its answer": (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n[{");
  },
  "answers without end": (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    const timer = setInterval(() => socket.write("4\r\n[[[[\r\n"), 1);
    socket.once("close", () => clearInterval(timer));
  },
  "answers no HTTP": (socket) => socket.end("220 mail.example.org ESMTP\r\n"),
  "answers random bytes": (socket) => socket.end(Buffer.from(Array.from({ length: 999 }, () => Math.random() * 256))),
  "answers HTML": (socket) => socket.end(response("200 OK", "<html>It works!</html>")),
  "answers an object": (socket) => socket.end(response("200 OK", '{"__proto__":{"polluted":1},"Id":"x"}')),
  "answers a list of nonsense": (socket) =>
    socket.end(response("200 OK", '[null,1,{"Id":"../../x","State":"running"}]')),
  "answers null": (socket) => socket.end(response("200 OK", "null")),
  "is broken": (socket) => socket.end(response("500 Internal Server Error", '{"message":"broken"}')),
  "forbids it": (socket) => socket.end(response("403 Forbidden", "no")),
};

describe("an engine that", () => {
  test.concurrent.for(Object.entries(IMPOSTORS))(
    "%s delays no assignment, and makes nothing stale",
    { timeout: 30_000 },
    async ([, answer]) => {
      const bench = await EngineBench.create();
      const dockerHost = await impostor(answer);
      const idle = await IdleProcess.start();
      const registry = bench.registry(dockerHost);
      const before = performance.now();
      const { port } = await registry.assignPort("/project", { holder: idle.holder() });
      expect(performance.now() - before).toBeLessThan(PATIENCE_MS);
      expect(port).toBe(bench.range[0]);
      await idle.kill();
      expect(await registry.cleanupStale()).toEqual([]);
      expect((await registry.listAll()).map(({ status }) => status)).toEqual(["active"]);
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
      report("engine: impostor", { operations: 3, faults: 1, violations: 0 });
    },
  );
});
