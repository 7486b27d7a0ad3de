"""Messages that are not ours, or only look like it."""

import base64
import json

from jobset_protocol.messages import SUBMIT_TASK


def message(body: object, **headers: object) -> dict[str, object]:
    """Return a message as the Redis transport writes it."""
    return {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": SUBMIT_TASK, "id": "7", "lang": "py", **headers},
        "properties": {
            "body_encoding": "base64",
            "delivery_tag": "7",
            "delivery_info": {"exchange": "", "routing_key": "jobset.fake"},
        },
    }


GOOD = [["0" * 32, 0], {}, {}]
UNREADABLE = [
    "not json at all",
    "[" * 5000,
    "[]",
    "{}",
    "null",
    '"text"',
    json.dumps({**message(GOOD), "body": "!!! not base64 !!!"}),
    json.dumps({**message(GOOD), "body": base64.b64encode(b"[" * 5000).decode()}),
    json.dumps({**message(GOOD), "properties": None}),
    json.dumps({**message(GOOD), "headers": {"task": SUBMIT_TASK}}),
    json.dumps({**message(GOOD), "headers": [1, 2]}),
    json.dumps({**message({"task": ["x"]}), "headers": {}}),
    json.dumps(message("not a list")),
    json.dumps(message([[], {}])),
    json.dumps(message([{}, [], {}])),
    json.dumps(message([["0" * 32, "1"], {}, {}])),
    json.dumps(message([[1, 2, 3], {"x": 1}, {}])),
    json.dumps(message(GOOD, task="os.system")),
]
WRONG = [
    # Such messages are read, and their tasks fail.
    json.dumps(message([["no-id", 0], {}, {}])),
    json.dumps(message([["0" * 32, -1], {}, {}])),
    json.dumps(message(GOOD)),
    json.dumps(message(GOOD, stamped_headers=5, stamps=5)),
    json.dumps(message(GOOD, eta="yesterday", timelimit=9)),
    json.dumps({**message(GOOD), "content-encoding": 5, "content-type": ["pickle"]}),
]
