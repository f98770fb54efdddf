"""Tests deployment/service-key with the stack that tools/check deploy deployed into the emulator."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys

from checks.common import ROOT

MESSAGE = b"a token"
KEY_THAT_IS_MISSING = "arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-4000-8000-000000000000"


def check(stack, parameters, key_id):
    """Checks the sheet of the environment `local`, and what the script says if something is missing."""
    check_sheet(sheet(), stack, parameters, key_id)
    check_sheet(sheet("ServiceIssuer=new.example.org"), stack, parameters | {"ServiceIssuer": "new.example.org"}, key_id)
    for arguments, environment, expected in [
        (["dev"], {}, "there is no stack chats-dev in eu-central-1"),
        (["local", "SigningKeys=" + KEY_THAT_IS_MISSING], {}, "KMS does not give the public key (NotFoundException)"),
        (["local", "SigningKey=misspelt"], {}, f"the stack {stack} has no parameter SigningKey"),
        (["local"], without_permissions(), "cloudformation:DescribeStacks on the stack and kms:GetPublicKey on the key"),
        (["local"], {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWNUNKNOWN00"}, "sign in to the account of local"),
        (["local"], {"AWS_ACCESS_KEY_ID": "", "AWS_EC2_METADATA_DISABLED": "true"}, "sign in to the account of local"),
        (["local"], {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}, "AWS does not answer"),
    ]:
        said = call(arguments, environment)
        # One line, so no traceback.
        if said.returncode != 1 or said.stdout or expected not in said.stderr or said.stderr.count("\n") != 1:
            sys.exit(f"failed: deployment/service-key {' '.join(arguments)} must say: {expected}\n{said.stdout}{said.stderr}")
    print("service key: the sheet is right, and seven errors say what to do")


def call(arguments, environment=None):
    command = [ROOT / "deployment/service-key", *arguments]
    return subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)


def sheet(*values):
    said = call(["local", *values])
    return said.stdout if said.returncode == 0 else sys.exit(f"failed: deployment/service-key local\n{said.stderr}")


def check_sheet(text, stack, parameters, key_id):
    """Checks names and key of a sheet. The key must be the one that verifies a signature of KMS."""
    import boto3
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = re.search(r"-----BEGIN PUBLIC KEY-----.*-----END PUBLIC KEY-----\n", text, re.DOTALL)[0]
    public = serialization.load_pem_public_key(pem.encode())
    signed = boto3.client("kms").sign(KeyId=key_id, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")
    public.verify(signed["Signature"], MESSAGE, ec.ECDSA(hashes.SHA256()))

    def coordinate(number):
        return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()

    point = public.public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": coordinate(point.x), "y": coordinate(point.y), "use": "sig", "alg": "ES256"}
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    account = parameters["ServiceAccount"]
    label, audience = account.split(".", 1)
    expected = [
        f"The key of {stack} ",
        f"  iss         {parameters.get('ServiceIssuer') or audience}\n",
        f"  aud         {audience}\n",
        f"  sub         {label}\n",
        f"  account     {account}\n",
        hashlib.sha256(der).hexdigest(),
    ]
    missing = [part for part in expected if part not in text]
    if missing or json.loads(re.search(r"^\{.*\}$", text, re.MULTILINE)[0]) != jwk:
        sys.exit(f"failed: the sheet of deployment/service-key lacks {missing or jwk}:\n{text}")


def without_permissions():
    """Creates a user without permissions and returns its credentials as environment variables."""
    import boto3

    iam = boto3.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
