import type { SeenEntry } from "../fixtures/storm-observer.ts";

/** From the acknowledgement of an assignment to just before it was given up, or its process ended. */
type Lease = {
  readonly project: string;
  readonly port: number;
  readonly holder: string;
  readonly from: bigint;
  to: bigint;
};

type Sample = { readonly from: bigint; readonly to: bigint; readonly entries: readonly SeenEntry[] };

/** What one process reported, and when it was killed from outside, if it was. */
export type Testimony = { readonly lines: readonly string[]; readonly killedAt?: bigint | undefined };

/** The result of comparing the reports of all processes. */
export type Audit = {
  readonly acquisitions: number;
  readonly operations: number;
  readonly samples: number;
  /** By its name or its error's code, how often each operation ended so. */
  readonly endings: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
};

const END_OF_TIME = 2n ** 63n;

/**
 * Checks the invariants: no two live holders of different projects on one port, one port per project, and every
 * assignment in the document for as long as its holder lives.
 */
export function audit(workers: readonly Testimony[], observer: readonly string[]): Audit {
  const leases = workers.flatMap(tenanciesOf);
  const samples = observer.filter((line) => line.startsWith("s ")).map(parseSample);
  const lines = workers.flatMap((worker) => worker.lines);
  const endings: Record<string, number> = {};
  for (const line of lines) if (line.startsWith(". ")) endings[line.slice(2)] = (endings[line.slice(2)] ?? 0) + 1;
  return {
    acquisitions: leases.length,
    operations: Object.values(endings).reduce((sum, count) => sum + count, 0),
    samples: samples.length,
    endings,
    violations: [
      ...[...lines, ...observer].filter((line) => line.startsWith("!")),
      ...collisions(leases),
      ...losses(leases, samples),
    ],
  };
}

function tenanciesOf({ lines, killedAt = END_OF_TIME }: Testimony): Lease[] {
  const ends = lines.filter((line) => line.startsWith("x ")).map((line) => BigInt(line.slice(2)));
  const end = ends[0] ?? killedAt;
  const leases = new Map<string, Lease>();
  for (const line of lines) {
    const [kind, time = "0", ...rest] = line.split(" ");
    if (kind === "+") {
      const [port = "", holder = "", ...project] = rest;
      leases.set(holder, { project: project.join(" "), port: Number(port), holder, from: BigInt(time), to: end });
    }
    const ended = kind === "-" ? leases.get(rest[0] ?? "") : undefined;
    if (ended !== undefined) ended.to = BigInt(time);
  }
  return [...leases.values()].filter(({ from, to }) => from < to);
}

function parseSample(line: string): Sample {
  const [, from = "0", to = "0", ...json] = line.split(" ");
  return { from: BigInt(from), to: BigInt(to), entries: JSON.parse(json.join(" ")) as SeenEntry[] };
}

/** Every lease is compared with those that began before it and had not ended. */
function collisions(leases: readonly Lease[]): string[] {
  const found: string[] = [];
  let open: Lease[] = [];
  for (const lease of leases.toSorted(byStart)) {
    open = open.filter(({ to }) => to > lease.from);
    for (const other of open) {
      const isSameProject = other.project === lease.project;
      if (isSameProject !== (other.port === lease.port)) found.push(`! ${text(other)} beside ${text(lease)}`);
    }
    open.push(lease);
  }
  return found;
}

/** A holder that held a port during the whole reading of the document must be in it. */
function losses(leases: readonly Lease[], samples: readonly Sample[]): string[] {
  const found: string[] = [];
  const coming = leases.toSorted(byStart);
  let open: Lease[] = [];
  let next = 0;
  for (const { from, to, entries } of samples) {
    for (; next < coming.length && (coming[next] as Lease).from < from; next++) open.push(coming[next] as Lease);
    open = open.filter((lease) => lease.to > from);
    const byProject = new Map(entries.map((entry) => [entry.project, entry]));
    for (const lease of open) {
      const entry = byProject.get(lease.project);
      if (lease.to > to && !(entry?.port === lease.port && isHeldBy(entry, lease)))
        found.push(`! ${text(lease)} is not in the document of ${from}: ${JSON.stringify(entry)}`);
    }
  }
  return found;
}

/** A name with a question mark is not the holder's own. */
function isHeldBy({ holders }: SeenEntry, { holder }: Lease): boolean {
  return holder.startsWith("?") ? holders.length > 0 : holders.includes(holder);
}

function byStart(a: Lease, b: Lease): number {
  return a.from < b.from ? -1 : 1;
}

function text({ project, port, holder, from, to }: Lease): string {
  return `${holder} of ${project} on ${port} from ${from} to ${to}`;
}
