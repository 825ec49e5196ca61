import { chmodSync, chownSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { FakeHost } from "../helpers/fake-runner.ts";

const GROUP = 4711;

const isRoot = process.getuid?.() === 0;

test.runIf(isRoot)("runners of two users with a common group directory share the registry, but no port", async () => {
  const host = await FakeHost.create();
  const shared = dirname(host.registryPath);
  // Every user may pass this directory; as documented, only the group may enter the next.
  chmodSync(host.directory, 0o755);
  mkdirSync(shared);
  chownSync(shared, 0, GROUP);
  chmodSync(shared, 0o2770);
  const jobs = [12_001, 12_002].map((uid) => host.job({ user: { uid, gid: GROUP } }));
  const mains = [];
  for (const job of jobs) mains.push(await job.main());
  expect(mains.map(({ code, stdout }) => (code === 0 ? code : stdout))).toEqual([0, 0]);
  expect(new Set(mains.map(({ outputs }) => outputs.port)).size).toBe(2);
  const { mode, gid } = statSync(host.registryPath);
  expect([mode & 0o777, gid]).toEqual([0o660, GROUP]);
  for (const [index, job] of jobs.entries()) await job.post(mains[index]?.state ?? {});
  expect(host.assignments).toEqual([]);
});

test.runIf(isRoot)("a user outside the group gets an error that they may not write the registry", async () => {
  const host = await FakeHost.create();
  chmodSync(host.directory, 0o755);
  mkdirSync(dirname(host.registryPath));
  chmodSync(dirname(host.registryPath), 0o770);
  const main = await host.job({ user: { uid: 12_003, gid: 12_003 } }).main();
  expect(main).toMatchObject({ code: 1, stderr: "" });
  expect(main.stdout).toMatch(/^::error title=iris-ports%3A REGISTRY_ACCESS::/m);
});
