/** Where an IRIS answers and as whom to log in. An IPv6 host may come with or without brackets. */
export type IrisConnection = {
  readonly host: string;
  readonly port: number;
  readonly namespace: string;
  readonly username: string;
  readonly password: string;
};

/** What `createConnection()` of `@intersystems/intersystems-iris-native` takes. */
export type IrisConnectionOptions = {
  readonly host: string;
  readonly port: number;
  readonly ns: string;
  readonly user: string;
  readonly pwd: string;
  /** Always false: the shared memory of a container is not this machine's. */
  readonly sharedmemory: false;
};

/** `iris://user:password@host:port/NAMESPACE`, percent-encoded; it holds the password. */
export function connectionUri(connection: IrisConnection): string {
  const login = `${encodeURIComponent(connection.username)}:${encodeURIComponent(connection.password)}`;
  return `iris://${login}@${authority(connection)}/${encodeURIComponent(connection.namespace)}`;
}

/** `jdbc:IRIS://host:port/NAMESPACE`; the driver takes user and password apart from it. */
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

/** The same for the Node driver; it holds the password. */
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
