"""The template as plain CloudFormation that the emulator understands.

AWS makes plain CloudFormation of a SAM template itself, while it deploys one. The emulator's own translation makes no routes, so
the translator that AWS published does it here, and then the routes that it puts into the API's OpenAPI document are written out
as resources.
"""

import re

from samtranslator.translator.transform import transform


# Condition keys whose values the emulator does not fill in.
UNKNOWN_CONDITION_KEYS = ("kms:",)


class NoManagedPolicies:
    """SAM's names for managed policies, of which the template uses none."""

    @staticmethod
    def load():
        return {}


def translate(template, parameters):
    """Plain CloudFormation for `template` (a SAM template as read from YAML), and what was left out of it, in words.

    `parameters` are values of the template's parameters: the translator looks at some.
    """
    left_out = set()
    functions = [resource for resource in template["Resources"].values() if resource["Type"] == "AWS::Serverless::Function"]
    for properties in [template["Globals"]["Function"], *(function["Properties"] for function in functions)]:
        if properties.pop("DeploymentPreference", None):
            left_out.add("gradual deployment")
    plain = transform(template, dict(parameters), NoManagedPolicies)
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
    """Takes conditions that the emulator can't decide out of a role's statements, and returns their keys. They have no value there,
    so that the statement would never allow anything."""
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
