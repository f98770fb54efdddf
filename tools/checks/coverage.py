"""the end-to-end tests saw each answer that openapi.yaml promises

Looks at the file OPENAPI_SEEN, into which a whole run of the tests wrote what it saw, and empties it.
An answer that no test saw is either not true or not tested.

    export OPENAPI_SEEN=$(mktemp); cargo test --workspace && tools/check coverage
"""

import os
import sys
from pathlib import Path

# What no test can bring about, on any operation, and why.
UNSEEN = {
    "429 gateway": "the local gateway does not count requests; throttling is a setting of the deployed one",
    "503 gateway": "a function would have to be silent for 30 s, and is ended after 10 s",
}


def run(_):
    file = Path(os.environ.get("OPENAPI_SEEN") or sys.exit("OPENAPI_SEEN is missing: tools/check coverage --help"))
    # By what was written: "promised createChat 201 chat" or "seen createChat 201 chat".
    outcomes = {"promised": set(), "seen": set()}
    for line in file.read_text().splitlines() if file.exists() else []:
        kind, outcome = line.split(" ", 1)
        outcomes[kind].add(outcome)
    # The next run starts with nothing.
    file.write_text("")
    promised, seen = outcomes["promised"], outcomes["seen"]
    excused = {outcome for outcome in promised | seen if outcome.split(" ", 1)[1] in UNSEEN}
    faults = [f"no test saw {outcome}" for outcome in sorted(promised - seen - excused)]
    faults += [f"a test saw {outcome}, which UNSEEN says none can" for outcome in sorted(seen & excused)]
    if not promised:
        faults.append(f"{file} says nothing: no end-to-end test ran with it")
    counts = f"{len(promised & seen)} of {len(promised)} answers seen, {len(excused)} can't be"
    print("\n".join([f"coverage of openapi.yaml: {counts}", *faults]))
    sys.exit(bool(faults))
