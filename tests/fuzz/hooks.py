"""What schemathesis is told beside the document: who is asking, where webhooks may go, and which
rules no JSON Schema can say."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

from tests.end_to_end.processes import Processes
from tests.fuzz.stage import PATHS

URL = os.environ["FUZZ_URL"]
ORG_ID = os.environ["FUZZ_ORG"]
RECEIVER = os.environ["FUZZ_RECEIVER"]
LONGEST_WAIT = 0.1
LINES = "application/x-ndjson"
# 400 for what fits its schema: by the code of the error, and where it points to.
RULES = {
    # The document says it of every 400: no NUL, no lone surrogate, no integer beyond 64 bits,
    # no more than 64 levels.
    ("MALFORMED_JSON", ""),
    # A JSON object in a query, whose fields are those of the list.
    ("INVALID_PARAMETER", "/search"),
    # A user's id, without zeros before it, or an email address, which no pattern says whole.
    ("INVALID_PARAMETER", "/identifier"),
    # One may be before the other, or too far from it.
    ("INVALID_PARAMETER", "/from"),
    ("INVALID_PARAMETER", "/to"),
    # An id has at most 64 bits, which no pattern says of digits.
    ("INVALID_PARAMETER", "/destination"),
    # Names are texts; which of them there are is known to the organization alone. That it is 400
    # is the published contract of ingress.
    ("UNKNOWN_VARIANT", "/variant"),
    # So is this one: the action's contract is a schema of the organization's own.
    ("INVALID_INPUT", "/input"),
    # At most 16, those of the query and of the body together.
    ("INVALID_BODY", "/tags"),
    # At most 30 days ahead of now, and a schema knows no clock.
    ("INVALID_BODY", "/available_at"),
}
# The gateway calls a webhook before it takes it in, and those of examples nobody has.
NOBODY_THERE = "action validation failed: "
# What JSON cannot be kept, what a contract is, and what the contract says of parameters.
IN_ITS_WORDS = (
    "Nesting is deeper",
    "A string holds",
    "Not valid JSON",
    "The integer ",
    "Field 'json_schema' is invalid",
    "Field 'json_schema' is not a valid JSON Schema",
    "/parameters",
)

# Wherever the document asks for a URL, it is one of the receiver's.
schemathesis.openapi.format("uri", st.sampled_from([RECEIVER + path for path in PATHS]))


def find_scheme(case: Any, context: Any) -> str:
    """The name of the first security scheme that the operation takes; empty for a public one."""
    document = context.operation.schema.raw_schema
    operation = document["paths"][context.operation.path][context.operation.method]
    asked = operation.get("security", document.get("security", []))
    return next((name for names in asked for name in names), "")


@schemathesis.auth(refresh_interval=None)
class Caller:
    """Who is asking, by whichever scheme the document names."""

    key = os.environ["FUZZ_KEY"]
    token = ""
    # Calls may delete the key that they are made with, and take from its owner what they have;
    # so may have those of the phase before.
    is_doubted = True

    def get(self, case: Any, context: Any) -> tuple[str, str] | None:
        """The header of the scheme, and what it holds."""
        name = find_scheme(case, context)
        if not name:
            return None
        document = context.operation.schema.raw_schema
        scheme = document["components"]["securitySchemes"][name]
        takes_token = scheme["type"] != "apiKey"
        if (Caller.is_doubted or (takes_token and not self.token)) and not is_owner(self.key):
            self.key, self.token = make_caller(), ""
        Caller.is_doubted = False
        if not takes_token:
            return scheme["name"], self.key
        self.token = self.token or exchange(self.key, document)
        return "Authorization", f"Bearer {self.token}"

    def set(self, case: Any, data: tuple[str, str], context: Any) -> None:
        """The case, with the header."""
        name, value = data
        case.headers[name] = value


def is_owner(key: str) -> bool:
    """Whether the key still opens everything."""
    said = requests.get(URL + "/v1/self", headers={"x-arklow-auth": key}, timeout=30).json()
    memberships = said["data"]["memberships"] if said["data"] else ()
    return any(one["org_id"] == ORG_ID and "owner" in one["permissions"] for one in memberships)


def make_caller() -> str:
    """The key of one more owner."""
    code = f"from tests.fuzz.rows import make_caller; print(make_caller({ORG_ID}))"
    home = Processes(Path(os.environ["FUZZ_HOME"]))
    return home.manage("shell", "--no-imports", "-c", code).strip()


def exchange(key: str, document: dict[str, Any]) -> str:
    """The token that the document's gateway gives for a key; the key itself where it has none."""
    for path, item in document["paths"].items():
        if item.get("post", {}).get("operationId") == "exchangeToken":
            answer = requests.post(URL + path, json={"api_token": key}, timeout=30)
            answer.raise_for_status()
            return str(answer.json()["jwt_token"])
    return key


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Look at the caller again before the next call, where this one was refused to them."""
    if response.status_code in (401, 403):
        Caller.is_doubted = True


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Put the organization into every path: lists without parameters are where states begin."""
    raw_schema["paths"] = {
        path.replace("{org_id}", ORG_ID): without_org(item)
        for path, item in raw_schema["paths"].items()
    }
    for item in raw_schema["paths"].values():
        for operation in item.values():
            read_lines(operation["responses"].get("200", {}).get("content", {}))


def without_org(item: dict[str, Any]) -> dict[str, Any]:
    """The operations of a path without their parameter `org_id`, and links that fill it."""
    for operation in item.values():
        operation["parameters"] = [
            parameter
            for parameter in operation.get("parameters", ())
            if parameter["name"] != "org_id"
        ]
        for link in operation["responses"].get("200", {}).get("links", {}).values():
            link.get("parameters", {}).pop("org_id", None)
    return item


def read_lines(content: dict[str, Any]) -> None:
    """What the document says of each line is said of the items of what `deserialize` gives."""
    if LINES in content:
        content[LINES]["schema"] = {"type": "array", "items": content[LINES]["schema"]}


@schemathesis.deserializer(LINES)
def deserialize(context: Any, response: Any) -> list[Any]:
    """The values of JSON lines."""
    return [json.loads(line) for line in response.content.splitlines()]


@schemathesis.deserializer("application/typescript", "text/x-python", "text/markdown")
def deserialize_text(context: Any, response: Any) -> str:
    """What is no JSON, as it is."""
    text: str = response.content.decode()
    return text


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Shorten what a valid call waits for: the time is for other calls."""
    wait = case.body.get("wait_seconds") if isinstance(case.body, dict) else None
    if isinstance(wait, (int, float)) and LONGEST_WAIT < wait <= 30:
        case.body["wait_seconds"] = LONGEST_WAIT


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Drop refusals of valid data by a rule of `RULES`, and tags that came as something else."""
    if isinstance(failure, AcceptedNegativeData):
        # What is no `tag.<key>` is a parameter that nobody knows, and those are passed over.
        return "parameter `tag` in query" not in failure.message
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    said = response.json()
    if is_by_gateways_rule(said):
        return False
    errors = said.get("errors") or []
    return not errors or not all(is_by_rule(error) for error in errors)


def is_by_gateways_rule(said: dict[str, Any]) -> bool:
    """Whether a webhook is not there, or the same rules say so in the gateway's words."""
    if str(said.get("error", "")).startswith(NOBODY_THERE):
        return True
    return "error" in said and str(said.get("details", "")).startswith(IN_ITS_WORDS)


def is_by_rule(error: dict[str, str]) -> bool:
    """Whether one of the rules says so, for an action of a batch as for one alone."""
    pointer = "/" + error.get("pointer", "").removeprefix("/")
    if pointer.startswith("/actions/"):
        pointer = "/" + "/".join(pointer.split("/")[3:])
    return any(
        error.get("code") == code and f"{pointer}/".startswith(f"{at}/") for code, at in RULES
    )
