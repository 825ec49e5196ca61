/** The exit codes of `iris-ports`. After its command has started, `run` ends with the command's own code. */
export const EXIT_CODES = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  exhausted: 3,
  conflict: 4,
  timeout: 5,
  notAssigned: 6,
  registry: 7,
  engine: 8,
  unhealthy: 9,
  session: 10,
  notExecutable: 126,
  notFound: 127,
  interrupted: 130,
} as const;

/** The exit code of each error code. */
const EXIT_CODE_OF_ERROR: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: EXIT_CODES.usage,
  PORT_EXHAUSTED: EXIT_CODES.exhausted,
  PORT_CONFLICT: EXIT_CODES.conflict,
  PORT_ASSIGNMENT_TIMEOUT: EXIT_CODES.timeout,
  PORT_NOT_ASSIGNED: EXIT_CODES.notAssigned,
  REGISTRY_CORRUPT: EXIT_CODES.registry,
  REGISTRY_ACCESS: EXIT_CODES.registry,
  REGISTRY_SCHEMA: EXIT_CODES.registry,
  CONTAINER_ENGINE: EXIT_CODES.engine,
  CONTAINER_START: EXIT_CODES.engine,
  CONTAINER_MISMATCH: EXIT_CODES.engine,
  IRIS_SESSION: EXIT_CODES.session,
};

/** The exit code for an error's `code`. */
export function exitCodeOf(code: string): number {
  return EXIT_CODE_OF_ERROR[code] ?? EXIT_CODES.unexpected;
}

/** The exit code of a process that a signal ended, as shells count it. */
export function exitCodeOfSignal(signalNumber: number): number {
  return 128 + signalNumber;
}

/** The end of `iris-ports --help`. */
export const EXIT_CODES_HELP = `
Exit codes:
  0    done
  1    unexpected error; status: IRIS is not running; session: refused; open: no browser; env --check: out of date
  2    wrong usage or value
  3    no port is free (PORT_EXHAUSTED)
  4    the port is in use (PORT_CONFLICT)
  5    the registry's lock was not obtained (PORT_ASSIGNMENT_TIMEOUT)
  6    the project has no port (PORT_NOT_ASSIGNED)
  7    the registry cannot be read or written (REGISTRY_*)
  8    the container engine or a container failed (CONTAINER_*)
  9    doctor found something that does not work
  10   IRIS refused a script, SQL or a class (IRIS_SESSION)
  130  interrupted (128 + the signal's number)
  run  the exit code of its command; 126 not executable, 127 not found

Environment:
  IRIS_PORT_REGISTRY, IRIS_PORT_RANGE       instead of --registry and --range
  IRIS_PORTS_PROJECT, IRIS_PORTS_INSTANCE   the project and instance, if none are given
  DOCKER_HOST, NO_COLOR, FORCE_COLOR        as for other tools
  DEBUG=iris-ports*                         traces, and stack traces of errors`;
