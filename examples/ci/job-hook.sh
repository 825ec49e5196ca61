#!/bin/sh
# For ACTIONS_RUNNER_HOOK_JOB_STARTED and ACTIONS_RUNNER_HOOK_JOB_COMPLETED of a self-hosted GitHub runner. It removes
# only the leftovers of jobs that are gone: ports and containers of jobs that run on the same host stay.
npx iris-ports clean || true
