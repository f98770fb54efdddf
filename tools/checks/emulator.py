"""ministack, an emulator of AWS that others wrote, and how a stack is deployed into it.

AWS itself makes plain CloudFormation of a SAM template while it deploys one. The emulator's own
translation makes no routes, so the translator that AWS published does it here, and then the routes that
it puts into the API's OpenAPI document are written out as resources.
"""

import contextlib
import json
import os
import re
import sys
import zipfile

import boto3
from botocore.exceptions import WaiterError
from checks import sam_template
from checks.common import Process, answer, free_port

BUCKET = "packages"
# The emulator's own account: with these credentials everything is allowed.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
# Condition keys whose values the emulator does not fill in.
UNKNOWN_CONDITION_KEYS = ("kms:",)


@contextlib.contextmanager
def ministack(folder):
    """A running ministack, which is the AWS of this process and of what it starts."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    home = os.path.join(folder, "ministack")
    os.makedirs(home)
    environment = {
        "PATH": os.environ["PATH"],
        # It keeps unpacked functions and its own bookkeeping in temporary files.
        "HOME": home,
        "TMPDIR": home,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # The name in the URL of a deployed API, which it knows its requests by.
        "MINISTACK_HOST": "localhost",
        # Functions inherit this, and have only what their roles allow.
        "AWS_ENDPOINT_URL": url,
        "AUTH": "true",
        # A listener that nothing here needs.
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        **CREDENTIALS,
    }
    command = [os.path.join(os.path.dirname(sys.executable), "ministack")]
    with Process("ministack", command, os.path.join(home, "log"), env=environment, cwd=home) as process:
        process.wait_until(lambda: getattr(answer(f"{url}/_ministack/health"), "status", None) == 200)
        os.environ.update({"AWS_ENDPOINT_URL": url, **CREDENTIALS})
        yield


def deploy(build, folder, environment):
    """Deploys what is in `build` as samconfig.toml's `environment` says, and returns the stack's outputs."""
    template = sam_template.read(os.path.join(build, "template.yaml"))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name, function in sam_template.functions(template).items():
        package = os.path.join(folder, f"{name}.zip")
        with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(os.path.join(build, function["Properties"]["CodeUri"], "bootstrap"), "bootstrap")
        s3.upload_file(package, BUCKET, f"{name}.zip")
        function["Properties"]["CodeUri"] = f"s3://{BUCKET}/{name}.zip"

    plain, left_out = translate(template, environment.parameters)
    print("  left out, since the emulator does not have it:")
    for what in left_out:
        print(f"    {what}")
    cloudformation, stack = boto3.client("cloudformation"), environment.stack
    cloudformation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(plain, default=str, separators=(",", ":")),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in environment.parameters.items()],
        Capabilities=environment.capabilities,
        Tags=[{"Key": key, "Value": value} for key, value in environment.tags.items()],
    )
    try:
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except WaiterError:
        for event in reversed(cloudformation.describe_stack_events(StackName=stack)["StackEvents"]):
            if "FAILED" in event["ResourceStatus"]:
                said = event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason")
                print(*said, file=sys.stderr)
        raise
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    print(f"  {len(resources)} resources")
    [deployed] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}


def functions():
    return boto3.client("lambda").list_functions()["Functions"]


def log_lines():
    """What the functions wrote, with the log group that has it."""
    logs = boto3.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for event in logs.filter_log_events(logGroupName=name)["events"]:
            yield name, event["message"].rstrip()


def translate(template, parameters):
    """Plain CloudFormation that the emulator understands, and what was left out of it, in words."""
    left_out = set()
    functions = sam_template.functions(template).values()
    for properties in [template["Globals"]["Function"], *(function["Properties"] for function in functions)]:
        if properties.pop("DeploymentPreference", None):
            left_out.add("gradual deployment")
    plain = sam_template.translate(template, dict(parameters))
    resources = plain["Resources"]
    for name, resource in list(resources.items()):
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            left_out.add(f"the alarm {name} (metric math)")
            del resources[name]
        elif kind == "AWS::IAM::Role":
            left_out.update(f"the roles' condition {key}" for key in drop_unknown_conditions(properties))
        elif kind == "AWS::ApiGatewayV2::Api" and "Body" in properties:
            write_out_routes(resources, name)
    return plain, sorted(left_out)


def drop_unknown_conditions(role):
    """Takes conditions that the emulator can't decide out of a role's statements, and returns their
    keys. They have no value there, so the statement would never allow anything."""
    dropped = set()
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            for operator, keys in list(statement.get("Condition", {}).items()):
                for key in [key for key in keys if key.startswith(UNKNOWN_CONDITION_KEYS)]:
                    del keys[key]
                    dropped.add(key)
                if not keys:
                    del statement["Condition"][operator]
    return dropped


def write_out_routes(resources, api):
    """Puts resources in the place of the OpenAPI document of the API with the logical id `api`."""
    properties = resources[api]["Properties"]
    body = properties.pop("Body")
    # It is about the document.
    properties.pop("FailOnWarnings", None)
    properties.update({"Name": {"Ref": "AWS::StackName"}, "ProtocolType": "HTTP"})
    for path, operations in body["paths"].items():
        for method, operation in operations.items():
            integration = operation["x-amazon-apigateway-integration"]
            name = re.sub(r"\W", "", f"{api}{method.title()}{path.title()}")
            resources[f"{name}Integration"] = {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "IntegrationType": integration["type"].upper(),
                    "IntegrationUri": integration["uri"],
                    "PayloadFormatVersion": integration["payloadFormatVersion"],
                },
            }
            resources[f"{name}Route"] = {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "RouteKey": f"{method.upper()} {path}",
                    "Target": {"Fn::Sub": f"integrations/${{{name}Integration}}"},
                },
            }
