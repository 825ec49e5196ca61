import { createServer, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { parentPort, workerData } from "node:worker_threads";

/** What `workerData.state` holds; the test sets the second, this thread the third. */
export const RelayState = { held: 0, isReaderBusy: 1, isAnswered: 2 } as const;

/** In a worker thread: gives the engine's answer about a missing container, but only once the thread that asks is too busy to read it. */
if (parentPort) {
  const port = parentPort;
  const { socketPath, state } = workerData as { readonly socketPath: string; readonly state: Int32Array };
  // Fetched in advance: however long the engine takes, the thread that asks does not wait for it.
  const { status, body } = await answerFor("/containers/no-such-container/json");
  const server = createServer((_, answer) => {
    port.postMessage("asked");
    Atomics.wait(state, 0, RelayState.held);
    answer.once("finish", () => {
      Atomics.store(state, 0, RelayState.isAnswered);
      Atomics.notify(state, 0);
    });
    answer.writeHead(status, { "content-type": "application/json" }).end(body);
  });
  server.listen(socketPath, () => port.postMessage("listening"));
}

function answerFor(path: string): Promise<{ readonly status: number; readonly body: Buffer }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: "/var/run/docker.sock", path });
    asked.on("error", reject).on("response", async (response) => {
      resolve({ status: response.statusCode ?? 500, body: await buffer(response) });
    });
    asked.end();
  });
}
