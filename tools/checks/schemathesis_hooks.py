"""What openapi.yaml says in words, for the requests that Schemathesis generates from its schemas.

Its schemas are simple, so some of the values that they allow are rejected, as the document says in
words. Each character that is not allowed is replaced by one that is, and each number that is too
large by one that is not. A text keeps its length, so a request that breaks the schemas still does.
"""

import schemathesis

NUMBERS_BELOW = 1.797e308
# The names of these attributes hold a chat's identity, where control characters are not allowed.
NAMES = ("audience", "scope")


def is_control(character):
    return ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0


def shown(text):
    """Replaces control characters, and the first one of a text that might show nothing."""
    replaced = "".join("x" if is_control(character) else character for character in text)
    shows_something = not text or any("!" <= character <= "~" for character in replaced)
    return replaced if shows_something else "x" + replaced[1:]


def kept(value):
    """Replaces what the event service can't keep, anywhere in a JSON value."""
    if isinstance(value, str):
        return value.replace("\0", "x")
    if isinstance(value, list):
        return [kept(element) for element in value]
    if isinstance(value, dict):
        return {kept(name): kept(element) for name, element in value.items()}
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) >= NUMBERS_BELOW:
        return 7
    return value


@schemathesis.hook
def map_case(context, case):
    if isinstance(case.body, dict):
        case.body = kept(case.body)
        for name in NAMES:
            if isinstance(case.body.get(name), str):
                case.body[name] = shown(case.body[name])
        if case.body.get("attribute") in ("events", "claims"):
            case.body["attribute"] = "other"
    for name in NAMES:
        if isinstance((case.path_parameters or {}).get(name), str):
            case.path_parameters[name] = shown(case.path_parameters[name])
    return case
