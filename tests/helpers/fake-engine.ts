import type { ContainerEngine, EngineContainer } from "../../src/docker/engine.ts";
import { EngineAbsentError } from "../../src/docker/engine-error.ts";
import { ContainerEngineError } from "../../src/errors/errors.ts";

/** An engine in memory, for states that a real one cannot be brought into on demand. */
export class FakeEngine implements ContainerEngine {
  endpoint = "unix:///fake/docker.sock";
  /** The engine's own ID, whatever address it is reached at. */
  id = "FAKE:ENGINE";
  /** No engine is installed or configured. */
  isAbsent = false;
  isLocal = true;
  isReachable = true;
  /** Refuses to remove containers. */
  isStubborn = false;
  timesListed = 0;
  containers: EngineContainer[] = [];
  /** Called while a list is on its way, before it is made. */
  onList: () => Promise<void> | void = () => {};
  /** Called after a list was made and before it arrives. */
  onListed: () => Promise<void> | void = () => {};
  #ids = 0;

  async listContainers(): Promise<readonly EngineContainer[]> {
    this.timesListed++;
    await this.onList();
    if (this.isAbsent) throw new EngineAbsentError();
    if (!this.isReachable) throw new ContainerEngineError({ what: "The engine is down.", remedy: "start it" });
    const listed = [...this.containers];
    await this.onListed();
    return listed;
  }

  async identify(): Promise<string> {
    if (!this.isReachable) throw new ContainerEngineError({ what: "The engine is down.", remedy: "start it" });
    return this.id;
  }

  /** When containers were started last, by their ids. */
  readonly starts = new Map<string, string>();

  async startedAt(id: string): Promise<string | undefined> {
    return this.starts.get(id);
  }

  async removeContainer(id: string): Promise<void> {
    if (this.isStubborn) throw new ContainerEngineError({ what: "The engine refuses.", remedy: "ask again" });
    this.containers = this.containers.filter((container) => container.id !== id);
  }

  /** `docker run`, or with another state `docker create` and what may follow. */
  run(container: Partial<Omit<EngineContainer, "id">> & { name: string }): EngineContainer {
    const made = {
      id: `id-${++this.#ids}`,
      image: "any-image",
      state: "running",
      labels: {},
      hostPorts: [],
      ...container,
    };
    this.containers.push(made);
    return made;
  }

  /** `docker rm --force`. */
  remove(name: string): void {
    this.containers = this.containers.filter((container) => container.name !== name);
  }
}
