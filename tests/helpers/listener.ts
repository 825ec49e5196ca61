import net from "node:net";
import { onTestFinished } from "vitest";

/** Listens on a port until the test ends, or until it is closed. */
export async function listenOn(
  port: number,
  host = "0.0.0.0",
  options: net.ListenOptions = {},
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, ipv6Only: host === "::", exclusive: true, ...options }, () => resolve());
  });
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  onTestFinished(close);
  return { port: (server.address() as net.AddressInfo).port, close };
}
