"""Checks the GitHub workflows with zizmor, deployment/roles.yaml with cfn-lint, and the notes of a release."""

from checks.common import call, environment, output, version


def run(_):
    zizmor = [environment("zizmor") / "zizmor", "--offline", "--strict-collection", "--persona", "auditor"]
    call(*zizmor, ".github")
    call(environment("sam") / "cfn-lint", "deployment/roles.yaml")
    print("deployment/roles.yaml: no findings")
    notes = output("tools/release", "notes", f"v{version()}")
    print(f"tools/release: {len(notes.splitlines())} lines of notes for v{version()}")
