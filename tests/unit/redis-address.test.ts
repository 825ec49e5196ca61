import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors/errors.ts";
import { parseRedisUrl, type RedisAddress } from "../../src/stores/redis/redis-address.ts";

const parse = (url: string) => parseRedisUrl(url, "IRIS_PORT_REGISTRY");

const READ: readonly (readonly [url: string, address: Partial<RedisAddress>])[] = [
  ["redis://ci", { host: "ci", port: 6379, database: 0, isTls: false, replicas: 0, name: undefined }],
  ["redis://ci:7000/3?name=fleet-1&replicas=2", { port: 7000, database: 3, name: "fleet-1", replicas: 2 }],
  ["rediss://ann:p%40ss@ci/", { isTls: true, username: "ann", password: "p@ss" }],
  ["redis://:50%zz@ci", { username: undefined, password: "50%zz" }],
  ["redis://[::1]:7000", { host: "::1", location: "redis://[::1]:7000/0" }],
  ["redis://ci?name=", { name: undefined }],
  ["redis+unix:///run/a%20b/redis.sock", { socketPath: "/run/a b/redis.sock", database: 0 }],
  ["redis+unix://:p%40ss@/run/redis.sock", { socketPath: "/run/redis.sock", username: undefined, password: "p@ss" }],
  ["redis+unix://ann:p:@/run/redis.sock?db=2", { username: "ann", password: "p:", database: 2 }],
  ["redis+unix://ann@/run/a@b.sock", { socketPath: "/run/a@b.sock", username: "ann", password: undefined }],
  ["redis+unix:///run/50%.sock?db=4&name=ci", { socketPath: "/run/50%.sock", database: 4, name: "ci" }],
];

describe("the URL of a Redis server", () => {
  test.each(READ)("%s is read", (url, address) => {
    expect(parse(url)).toMatchObject({ ...address, url });
  });

  test.each([
    [["redis://CI:6379/0", "redis://ann:pw@ci", "redis://ci/"], "redis://ci:6379/0"],
    [["redis://ci?replicas=1&name=a", "redis://ci:6379/0?name=a"], "redis://ci:6379/0?name=a"],
    [["redis+unix:///s", "redis+unix:///s?db=0"], "redis+unix:///s?db=0"],
    [["redis+unix:///s?name=a", "redis+unix:///s?db=0&name=a"], "redis+unix:///s?db=0&name=a"],
    [["redis+unix://:pw@/s", "redis+unix://ann:pw@/s?db=0"], "redis+unix:///s?db=0"],
  ])("%j all name one location, without the password", (urls, location) => {
    expect(urls.map((url) => parse(url).location)).toEqual(urls.map(() => location));
  });

  test.each([
    ["redis://[", "is not a valid URL"],
    ["redis:///0", "names no host"],
    ["redis+unix://host/run/redis.sock", "names no socket"],
    ["redis+unix://:pw@host/run/redis.sock", "names no socket"],
    ["redis+unix://:a/b@/run/redis.sock", "is not a valid URL"],
    ["redis+unix:///s?password=secret", 'unknown parameter "password"'],
    ["redis://ann:12#34@ci", "written as %23"],
    ["redis://ann:12?34@ci", /unknown parameter\.$/m],
    ["redis+unix:relative.sock", "names no socket"],
    ["redis+unix:///", "names no socket"],
    ["redis+unix://", "names no socket"],
    ["redis://ci?password=secret", 'unknown parameter "password"'],
    ["redis://ci?db=1", 'unknown parameter "db"'],
    ["redis://ci?name=-a", "a name with other characters"],
    ["redis://ci?name=a%20b", "a name with other characters"],
    [`redis://ci?name=${"a".repeat(101)}`, "a name with other characters"],
    ["redis://ci?replicas=100", "not from 0 to 99"],
    ["redis://ci?replicas=-1", "not from 0 to 99"],
    ["redis://ci/main", "a database that is not a number"],
    ["redis+unix:///s?db=x", "a database that is not a number"],
  ])("%s is refused", (url, problem) => {
    expect(() => parse(url)).toThrow(InvalidArgumentError);
    expect(() => parse(url)).toThrow(problem);
  });

  test("that is refused is not shown, because it may contain a password", () => {
    const refused = () => parse("redis://ann:s3cret@ci/main");
    expect(refused).toThrow(expect.objectContaining({ argument: "IRIS_PORT_REGISTRY", value: "(not shown)" }));
    expect(refused).not.toThrow("s3cret");
  });
});
