"""Write JSON that people can read: whatever fits into a line has one."""

import json
from pathlib import Path
from typing import Any

_WIDTH = 100


def write(path: Path, document: Any) -> None:
    """Write a document to a file."""
    path.write_text(_shown(document, 0) + "\n", encoding="utf-8")


def _shown(value: Any, indent: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, list | dict) or indent + len(flat) < _WIDTH:
        return flat
    if isinstance(value, list):
        entries = [_shown(each, indent + 1) for each in value]
    else:
        entries = [f"{json.dumps(key)}: {_shown(each, indent + 1)}" for key, each in value.items()]
    inner = "\n" + " " * (indent + 1)
    return flat[0] + inner + f",{inner}".join(entries) + "\n" + " " * indent + flat[-1]
