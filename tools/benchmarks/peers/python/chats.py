"""Code of both routes: the loop of the Runtime API, and the table reads.

The loop replaces AWS's runtime client for Python, whose packages differ between processors.
"""

import http.client
import json
import os
import time

import boto3

MINUTE = 60

table = boto3.resource("dynamodb").Table(os.environ["CHATS_TABLE"])
kept = {}


def read_chat(chat_id):
    return table.get_item(Key={"pk": f"chat#{chat_id}"}).get("Item")


def read_cached_chat(chat_id):
    chat, until = kept.get(chat_id, (None, 0))
    if until < time.monotonic():
        chat = read_chat(chat_id)
        kept[chat_id] = chat, time.monotonic() + MINUTE
    return chat


def response(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def run(handler):
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation"
    while True:
        runtime.request("GET", f"{base}/next")
        event = runtime.getresponse()
        request_id = event.headers["lambda-runtime-aws-request-id"]
        answer = json.dumps(handler(json.load(event)), separators=(",", ":"))
        runtime.request("POST", f"{base}/{request_id}/response", answer)
        runtime.getresponse().read()
