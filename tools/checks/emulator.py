"""Starts ministack, a third-party emulator of AWS, and deploys a stack into it.

AWS translates a SAM template to plain CloudFormation when it deploys one. The emulator's own
translation creates no routes. So the translator that AWS publishes translates the template here. It
puts the routes into the API's OpenAPI document, and this module then turns them into resources.
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
# The credentials of the emulator's own account, which may do everything.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# Prefixes of the condition keys that the emulator does not set.
UNSUPPORTED_CONDITION_KEYS = ("kms:",)


@contextlib.contextmanager
def ministack(folder, region):
    """Runs ministack and makes it the AWS endpoint of this process and of its children."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    home = os.path.join(folder, "ministack")
    os.makedirs(home)
    environment = {
        "PATH": os.environ["PATH"],
        # It stores unpacked functions and its own state in temporary files.
        "HOME": home,
        "TMPDIR": home,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # The host name in the URL of a deployed API. ministack recognizes the API's requests by it.
        "MINISTACK_HOST": "localhost",
        # Functions inherit this endpoint. AUTH limits them to what their roles allow.
        "AWS_ENDPOINT_URL": url,
        "AUTH": "true",
        # Nothing here needs this listener.
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "AWS_DEFAULT_REGION": region,
        **CREDENTIALS,
    }
    command = [os.path.join(os.path.dirname(sys.executable), "ministack")]
    with Process("ministack", command, os.path.join(home, "log"), env=environment, cwd=home) as process:
        process.wait_until(lambda: getattr(answer(f"{url}/_ministack/health"), "status", None) == 200)
        os.environ.update({"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": region, **CREDENTIALS})
        yield


def deploy(build, folder, environment):
    """Deploys the output of `sam build` in the folder `build` and returns the stack's outputs.

    `environment` is an environment of samconfig.toml.
    """
    template = sam_template.read(os.path.join(build, "template.yaml"))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": environment.region})
    for name, function in sam_template.functions(template).items():
        package = os.path.join(folder, f"{name}.zip")
        with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(os.path.join(build, function["Properties"]["CodeUri"], "bootstrap"), "bootstrap")
        s3.upload_file(package, BUCKET, f"{name}.zip")
        function["Properties"]["CodeUri"] = f"s3://{BUCKET}/{name}.zip"

    plain, left_out = translate(template, environment.parameters)
    print("  left out, because the emulator does not support it:")
    for feature in left_out:
        print(f"    {feature}")
    # Through S3, as `sam deploy` does it, a template may be longer than in a request.
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(plain, default=str))
    cloudformation, stack = boto3.client("cloudformation"), environment.stack
    cloudformation.create_stack(
        StackName=stack,
        TemplateURL=f"{os.environ['AWS_ENDPOINT_URL']}/{BUCKET}/template.json",
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
                failure = event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason")
                print(*failure, file=sys.stderr)
        raise
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    print(f"  {len(resources)} resources")
    [deployed] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in deployed["Outputs"]}


def functions():
    """Returns the configurations of all deployed functions."""
    return boto3.client("lambda").list_functions()["Functions"]


def log_lines():
    """Yields the log lines of all functions, each with the name of its log group."""
    logs = boto3.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        for event in logs.filter_log_events(logGroupName=name)["events"]:
            yield name, event["message"].rstrip()


def translate(template, parameters):
    """Translates a template to plain CloudFormation that the emulator supports.

    Returns it with a list of the features that were left out.
    """
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
            left_out.update(f"the roles' condition {key}" for key in drop_unsupported_conditions(properties))
        elif kind == "AWS::ApiGatewayV2::Api" and "Body" in properties:
            add_routes(resources, name)
    return plain, sorted(left_out)


def drop_unsupported_conditions(role):
    """Removes conditions that the emulator does not support from a role, and returns their keys.

    The emulator has no values for these keys, so the role's statements would never match.
    """
    dropped = set()
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            for operator, keys in list(statement.get("Condition", {}).items()):
                for key in [key for key in keys if key.startswith(UNSUPPORTED_CONDITION_KEYS)]:
                    del keys[key]
                    dropped.add(key)
                if not keys:
                    del statement["Condition"][operator]
    return dropped


def add_routes(resources, api):
    """Replaces the OpenAPI document of the API with the logical id `api` by route resources."""
    properties = resources[api]["Properties"]
    body = properties.pop("Body")
    # This property only applies to an OpenAPI document.
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
