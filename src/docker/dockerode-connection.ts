import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import type Dockerode from "dockerode";
import type { EngineAddress } from "./engine-address.ts";

/** Idle connections are closed after this time, so that an unused engine object leaves none open. */
const IDLE_TIMEOUT_MS = 5_000;
/** The engine answers inspections from memory; more parallel requests would only queue there. */
const MAX_CONNECTIONS = 8;

/**
 * A client that keeps its connections open between requests; idle connections do not keep the process running.
 * Dockerode is loaded here, at the first request, because loading it takes longer than most commands.
 */
export async function connectDockerode(address: EngineAddress): Promise<Dockerode> {
  const [{ default: Docker }, http, https] = await Promise.all([
    import("dockerode"),
    import("node:http"),
    import("node:https"),
  ]);
  const agentOptions = { keepAlive: true, timeout: IDLE_TIMEOUT_MS, maxSockets: MAX_CONNECTIONS, maxFreeSockets: 2 };
  const isTls = address.tcp?.isTls ?? false;
  const agent = isTls
    ? new https.Agent({ ...agentOptions, rejectUnauthorized: address.tcp?.isTlsVerified })
    : new http.Agent(agentOptions);
  // docker-modem prints its options for every request, tracing or not; printing the queue made 40 requests take 0.7 s.
  Object.assign(agent, { [inspect.custom]: () => "Agent" });
  // docker-modem takes missing options from the environment, which may name another engine.
  const blank = { host: undefined, port: undefined, socketPath: undefined, pathPrefix: undefined, timeout: undefined };
  if (address.ssh) {
    const { SshAgent } = await import("./ssh-agent.ts");
    const agent = new SshAgent(address.ssh);
    const connection = { ...blank, host: address.ssh.host, pathPrefix: "/", protocol: "http", agent };
    return new Docker(connection as unknown as Dockerode.DockerOptions);
  }
  if (!address.tcp) {
    return new Docker({ ...blank, socketPath: address.socketPath, protocol: "http", agent } as Dockerode.DockerOptions);
  }
  const { host, port, certDirectory } = address.tcp;
  const certificate = (name: string) => {
    const path = certDirectory === undefined ? undefined : join(certDirectory, name);
    return path !== undefined && isTls && existsSync(path) ? readFileSync(path) : undefined;
  };
  return new Docker({
    ...blank,
    host,
    port,
    pathPrefix: "/",
    protocol: isTls ? "https" : "http",
    agent,
    ca: certificate("ca.pem"),
    cert: certificate("cert.pem"),
    key: certificate("key.pem"),
  } as Dockerode.DockerOptions);
}
