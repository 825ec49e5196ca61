import net from "node:net";
import createDebug from "debug";
import { type ContainerRuntimeClient, LABEL_TESTCONTAINERS_SESSION_ID } from "testcontainers";

const debug = createDebug("iris-ports:containers");
const LABEL_RYUK = "org.testcontainers.ryuk";
const RYUK_PORT = 8080;
const CONNECT_TIMEOUT_MS = 4_000;

/**
 * Keeps another process's session alive. Ryuk removes everything with a session's label ten seconds after the session's last
 * connection has closed. Without this, a container would be removed with the process that made it while others use it.
 * @see https://github.com/testcontainers/moby-ryuk
 */
export class RyukSession {
  readonly #socket: net.Socket;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  /** Undefined if the container belongs to no session, or no Ryuk watches it. */
  static async keep(
    client: ContainerRuntimeClient,
    labels: Readonly<Record<string, string>>,
  ): Promise<RyukSession | undefined> {
    const sessionId = labels[LABEL_TESTCONTAINERS_SESSION_ID];
    if (!sessionId) return undefined;
    const running = await client.container.list();
    const ryuk = running.find(
      ({ Labels }) => Labels[LABEL_RYUK] === "true" && Labels[LABEL_TESTCONTAINERS_SESSION_ID] === sessionId,
    );
    const port = ryuk?.Ports.find(({ PrivatePort }) => PrivatePort === RYUK_PORT)?.PublicPort;
    if (port === undefined) return undefined;
    const socket = await connect(client.info.containerRuntime.host, port);
    socket?.write(`label=${LABEL_TESTCONTAINERS_SESSION_ID}=${sessionId}\r\n`);
    return socket && new RyukSession(socket);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** The connection keeps Ryuk from removing the session, but does not keep this process running. */
function connect(host: string, port: number): Promise<net.Socket | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const giveUp = (why: unknown) => {
      debug("Ryuk at %s:%d cannot be asked to keep a joined session: %o", host, port, why);
      socket.destroy();
      resolve(undefined);
    };
    socket.on("error", giveUp);
    socket.on("timeout", () => giveUp("no answer in time"));
    socket.on("connect", () => {
      socket.setTimeout(0).unref();
      // Its acknowledgements are ignored, but they must be read, or the connection would not close.
      socket.resume();
      resolve(socket);
    });
  });
}
