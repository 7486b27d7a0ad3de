"""Fail unless Flower shows its pages to its users and to nobody else."""

import base64
import os
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

PAGE = "http://127.0.0.1:5555/workers"


def status(**headers: str) -> int:
    """Return the HTTP status that the page answers with."""
    try:
        with urlopen(Request(PAGE, headers=headers), timeout=4) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


credentials = base64.b64encode(os.environ["FLOWER_BASIC_AUTH"].encode()).decode()
sys.exit(status(Authorization=f"Basic {credentials}") != 200 or status() != 401)
