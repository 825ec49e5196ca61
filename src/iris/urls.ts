/** How to connect to an IRIS and log in. An IPv6 host may be given with or without brackets. */
export type IrisConnection = {
  /** A name or an IP address. */
  readonly host: string;
  /** The superserver's port. */
  readonly port: number;
  /** The namespace. */
  readonly namespace: string;
  /** The user name. */
  readonly username: string;
  /** The password. */
  readonly password: string;
};

/** What `createConnection()` of `@intersystems/intersystems-iris-native` takes. */
export type IrisConnectionOptions = {
  /** The host, without brackets. */
  readonly host: string;
  /** The superserver's host port. */
  readonly port: number;
  /** The namespace. */
  readonly ns: string;
  /** The user name. */
  readonly user: string;
  /** The password. */
  readonly pwd: string;
  /** Always false: a container does not share memory with this machine. */
  readonly sharedmemory: false;
};

/** `iris://user:password@host:port/NAMESPACE`, percent-encoded; contains the password. */
export function connectionUri(connection: IrisConnection): string {
  const login = `${encodeURIComponent(connection.username)}:${encodeURIComponent(connection.password)}`;
  return `iris://${login}@${authority(connection)}/${encodeURIComponent(connection.namespace)}`;
}

/** `jdbc:IRIS://host:port/NAMESPACE`; the driver takes user and password separately. */
export function jdbcUrl(connection: Pick<IrisConnection, "host" | "port" | "namespace">): string {
  return `jdbc:IRIS://${authority(connection)}/${connection.namespace}`;
}

/** The root of the web server. */
export function webUrl(address: Pick<IrisConnection, "host" | "port">): string {
  return `http://${authority(address)}`;
}

/** The Management Portal. */
export function portalUrl(address: Pick<IrisConnection, "host" | "port">): string {
  return `${webUrl(address)}/csp/sys/UtilHome.csp`;
}

/** The options for the Node driver; contains the password. */
export function connectionOptions(connection: IrisConnection): IrisConnectionOptions {
  return {
    host: bare(connection.host),
    port: connection.port,
    ns: connection.namespace,
    user: connection.username,
    pwd: connection.password,
    sharedmemory: false,
  };
}

function authority({ host, port }: Pick<IrisConnection, "host" | "port">): string {
  return `${host.includes(":") ? `[${bare(host)}]` : host}:${port}`;
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
