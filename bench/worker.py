"""The counterpart of worker.ts: the real Python tool, doing what each line of its input says."""

import json
import pathlib
import sys
import tempfile
import time

from iris_devtester.ports import PortRegistry

CODES = {"PortExhaustedError": "PORT_EXHAUSTED", "PortAssignmentTimeoutError": "PORT_ASSIGNMENT_TIMEOUT"}


def ms():
    return time.perf_counter() * 1000


def answer(task):
    registry = PortRegistry(pathlib.Path(task["registry"]), tuple(task["range"]))
    if task.get("isEngineAsked") is False:
        registry._get_docker_bound_ports = lambda: set()
    waits, held, refusals = [], [], {}
    cpu = time.process_time()
    end = ms() + task.get("seconds", 0) * 1000
    while True:
        started = ms()
        try:
            port = registry.assign_port(task["project"]).port
            since = time.monotonic_ns()
            waits.append(ms() - started)
            if not task.get("isKept"):
                until, started = time.monotonic_ns(), ms()
                registry.release_port(task["project"])
                held.append([port, str(since), str(until)])
                waits.append(ms() - started)
        except Exception as error:  # a document read while another process writes it, too
            waits.append(ms() - started)
            code = CODES.get(type(error).__name__, type(error).__name__)
            refusals[code] = refusals.get(code, 0) + 1
        if ms() >= end:
            return {"waits": waits, "held": held, "refusals": refusals, "cpuMs": (time.process_time() - cpu) * 1000}


with tempfile.TemporaryDirectory() as scratch:
    answer({"registry": scratch + "/registry.json", "range": [20900, 20999], "project": scratch})
print("{}", flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
