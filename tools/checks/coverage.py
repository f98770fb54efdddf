"""Checks that the end-to-end tests saw every answer that openapi.yaml promises.

A full run of the tests records the answers that it saw in the file OPENAPI_SEEN. This check reads
the file and then empties it. An answer that no test saw is either untrue or untested.

    export OPENAPI_SEEN=$(mktemp); cargo test --workspace && tools/check coverage
"""

import os
import sys
from pathlib import Path

# Answers that no test can cause, on any operation, each with the reason.
UNSEEN = {
    "429 gateway": "only the deployed gateway limits the rate; the local one does not count requests",
    "503 gateway": "a function would have to stay silent for 30 s, but it is stopped after 10 s",
}


def run(_):
    file = Path(os.environ.get("OPENAPI_SEEN") or sys.exit("OPENAPI_SEEN is missing: tools/check coverage --help"))
    # A line is "promised createChat 201 chat" or "seen createChat 201 chat".
    outcomes = {"promised": set(), "seen": set()}
    for line in file.read_text().splitlines() if file.exists() else []:
        kind, outcome = line.split(" ", 1)
        outcomes[kind].add(outcome)
    # The next run starts with an empty file.
    file.write_text("")
    promised, seen = outcomes["promised"], outcomes["seen"]
    excused = {outcome for outcome in promised | seen if outcome.split(" ", 1)[1] in UNSEEN}
    faults = [f"no test saw {outcome}" for outcome in sorted(promised - seen - excused)]
    faults += [f"a test saw {outcome}, so remove it from UNSEEN" for outcome in sorted(seen & excused)]
    if not promised:
        faults.append(f"{file} has no promised answers: no end-to-end test ran with OPENAPI_SEEN")
    counts = f"{len(promised & seen)} of {len(promised)} answers seen, {len(excused)} can't be tested"
    print("\n".join([f"coverage of openapi.yaml: {counts}", *faults]))
    sys.exit(bool(faults))
