"""A qiskit ``Result`` as bytes.

``Result.to_dict()`` under the document codec's msgpack.  Shot memory is packed on the way, and
the states and operators that simulators return come back as qiskit's own classes.
"""

from typing import Any

import msgpack
from qiskit.exceptions import QiskitError
from qiskit.result import Result

from jobset_protocol.codecs import frame
from jobset_protocol.codecs.document import pack_document
from jobset_protocol.codecs.extensions import ExtensionCode, unpack_values
from jobset_protocol.codecs.registry import VERSIONS, CodecId
from jobset_protocol.codecs.shot_memory import pack_shot_memory
from jobset_protocol.errors import CodecError

MAX_RESULT_BYTES = 1 << 30


def encode_result(result: Result) -> bytes:
    """Write a result, failed experiments included.

    Raises:
        CodecError: It is not a result, or holds something that cannot be stored; says what and
            where.
    """
    try:
        document = result.to_dict()
    except (AttributeError, TypeError) as error:
        raise CodecError(f"a {type(result).__name__} is not a complete result: {error}") from error
    for experiment in document["results"]:
        _pack_memory(experiment["data"])
    return frame.pack(CodecId.RESULT, VERSIONS[CodecId.RESULT], pack_document(document))


def decode_result(blob: bytes, *, max_bytes: int = MAX_RESULT_BYTES) -> Result:
    """Read what :func:`encode_result` wrote.

    Args:
        blob: The whole blob.
        max_bytes: Most decompressed bytes.

    Returns:
        A result that answers as the original one.

    Raises:
        PayloadTooLargeError: It is larger than ``max_bytes``.
        VersionMismatchError: A newer Jobset wrote it.
        CodecError: It is not a result, or is damaged.
    """
    version = VERSIONS[CodecId.RESULT]
    document = unpack_values(frame.unpack(blob, CodecId.RESULT, version, max_bytes=max_bytes))
    try:
        return Result.from_dict(document)
    except (AttributeError, KeyError, TypeError, QiskitError) as error:
        raise CodecError(f"a stored result is damaged: {error!r}") from error


def _pack_memory(data: dict[str, Any]) -> None:
    packed = pack_shot_memory(data.get("memory"))
    if packed is not None:
        data["memory"] = msgpack.ExtType(ExtensionCode.SHOT_MEMORY, packed)
