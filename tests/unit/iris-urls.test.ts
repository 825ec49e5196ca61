import { describe, expect, test } from "vitest";
import { connectionOptions, connectionUri, jdbcUrl } from "../../src/iris/urls.ts";

const local = { host: "127.0.0.1", port: 1974, namespace: "USER", username: "_SYSTEM", password: "SYS" };

describe("the address of an IRIS", () => {
  test("is a URI", () => {
    expect(connectionUri(local)).toBe("iris://_SYSTEM:SYS@127.0.0.1:1974/USER");
  });

  test("encodes characters with a meaning in a URI, so that a URL parser returns them", () => {
    const odd = { ...local, namespace: "%SYS", username: "a@b:c", password: "p/ w?#é%" };
    const url = new URL(connectionUri(odd));
    expect([url.hostname, url.port]).toEqual(["127.0.0.1", "1974"]);
    expect([url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent)).toEqual([
      odd.username,
      odd.password,
      odd.namespace,
    ]);
  });

  test("is a JDBC URL without user and password", () => {
    expect(jdbcUrl(local)).toBe("jdbc:IRIS://127.0.0.1:1974/USER");
  });

  test("becomes options for the Node driver, which must not try shared memory", () => {
    expect(connectionOptions(local)).toEqual({
      host: "127.0.0.1",
      port: 1974,
      ns: "USER",
      user: "_SYSTEM",
      pwd: "SYS",
      sharedmemory: false,
    });
  });

  test.each(["::1", "[::1]"])("puts the IPv6 host %s in brackets in URLs only", (host) => {
    const connection = { ...local, host };
    expect(connectionUri(connection)).toBe("iris://_SYSTEM:SYS@[::1]:1974/USER");
    expect(jdbcUrl(connection)).toBe("jdbc:IRIS://[::1]:1974/USER");
    expect(connectionOptions(connection).host).toBe("::1");
  });
});
