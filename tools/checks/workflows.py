"""Checks the GitHub workflows with zizmor and deployment/roles.yaml with cfn-lint."""

from checks.common import call, environment


def run(_):
    zizmor = [environment("zizmor") / "zizmor", "--offline", "--strict-collection", "--persona", "auditor"]
    call(*zizmor, ".github")
    call(environment("sam") / "cfn-lint", "deployment/roles.yaml")
    print("deployment/roles.yaml: no findings")
