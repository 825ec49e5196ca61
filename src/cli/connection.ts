import type { ContainerEngine } from "../docker/engine.ts";
import { DEFAULT_IRIS_NAMESPACE, DEFAULT_IRIS_USERNAME } from "../iris/image.ts";
import { validNamespace, validUsername } from "../iris/names.ts";
import { connectionUri, jdbcUrl } from "../iris/urls.ts";
import type { PortAssignment } from "../registry/assignment.ts";
import { environment } from "../settings/config.ts";
import type { Endpoint } from "./env/variables.ts";

/** The login, if it is not the default. */
export type LoginOptions = { readonly namespace?: string; readonly username?: string };

/** The host of the engine's published ports, and the requested login. @throws InvalidArgumentError */
export function endpointOf(engine: ContainerEngine | undefined, login: LoginOptions): Endpoint {
  return {
    host: hostOf(engine),
    namespace: validNamespace(login.namespace ?? DEFAULT_IRIS_NAMESPACE),
    username: validUsername(login.username ?? DEFAULT_IRIS_USERNAME),
  };
}

/** The addresses of a project's IRIS, without a password. */
export function addressesOf({ port, webPort }: PortAssignment, { host, namespace, username }: Endpoint) {
  const withPassword = connectionUri({ host, port, namespace, username, password: "" });
  return {
    uri: withPassword.replace(":@", "@"),
    jdbcUrl: jdbcUrl({ host, port, namespace }),
    ...(webPort === undefined ? {} : { portalUrl: portalUrl(host, webPort) }),
  };
}

/** The Management Portal's first page. */
export function portalUrl(host: string, webPort: number): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${webPort}/csp/sys/UtilHome.csp`;
}

/** As in Testcontainers: its own variable first, then the host of the engine. */
function hostOf(engine: ContainerEngine | undefined): string {
  const override = environment().testcontainersHostOverride;
  if (override !== undefined) return override;
  if (engine === undefined || engine.isLocal || !URL.canParse(engine.endpoint)) return "127.0.0.1";
  return new URL(engine.endpoint).hostname.replace(/^\[|\]$/g, "") || "127.0.0.1";
}
