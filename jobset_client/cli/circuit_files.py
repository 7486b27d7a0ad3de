"""Read circuits from OpenQASM 2, OpenQASM 3 and QPY files.

The content decides which of them a file is, and only where it does not say so the extension.
"""

import io
import re
import struct
from pathlib import Path

from qiskit import QuantumCircuit, qasm2, qasm3, qpy
from qiskit.exceptions import MissingOptionalLibraryError

from jobset_client.cli.text import safe
from jobset_protocol.codecs.circuit_limits import (
    MIN_QPY_VERSION,
    TABLE_QPY_VERSION,
    CircuitLimits,
    check_programs,
)
from jobset_protocol.codecs.qpy import reader_qpy_version
from jobset_protocol.errors import CodecError, ConfigurationError, InvalidExperimentsError

_LIMITS = CircuitLimits()
_QPY_MAGIC = b"QISKIT"
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_QASM_VERSION = re.compile(r"\s*OPENQASM\s+(\d+)")
_DEFAULT_NAME = re.compile(r"circuit-\d+(-\d+)?")


def read_circuits(path: Path) -> list[QuantumCircuit]:
    """Return the circuits of a file; those without a name of their own get the file's.

    Raises:
        InvalidExperimentsError: The file holds no circuits that can be read; names it.
        ConfigurationError: OpenQASM 3 is not supported by this installation.
    """
    circuits = _read(path)
    for index, circuit in enumerate(circuits):
        if not circuit.data:
            which = "" if len(circuits) == 1 else f"circuit {index} "
            raise _unreadable(path, f"{which}has no instructions: there is nothing to run")
        if _DEFAULT_NAME.fullmatch(circuit.name):
            circuit.name = path.stem if len(circuits) == 1 else f"{path.stem}_{index}"
    return circuits


def _read(path: Path) -> list[QuantumCircuit]:
    try:
        # Once: a pipe gives its content to the first who reads it, and has no size.
        with path.open("rb") as file:
            data = file.read(_LIMITS.max_bytes + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if len(data) > _LIMITS.max_bytes:
        raise _unreadable(path, f"it is larger than {_LIMITS.max_bytes >> 20} MiB")
    if data.startswith(_QPY_MAGIC) or path.suffix == ".qpy":
        return _read_qpy(path, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is neither QPY nor text") from error
    version = _qasm_version(path, text)
    if version == 2:
        return [_read_qasm2(path, text)]
    if version == 3:
        return [_read_qasm3(path, text)]
    raise _unreadable(
        path, "give OpenQASM 2 or 3, which begins with `OPENQASM 2.0;` or `OPENQASM 3.0;`, or QPY"
    )


def _qasm_version(path: Path, text: str) -> int | None:
    stated = _QASM_VERSION.match(_COMMENTS.sub("", text))
    if stated:
        return int(stated[1])
    # Version 3 may leave the statement out.
    return {".qasm3": 3, ".qasm2": 2}.get(path.suffix)


def _read_qasm2(path: Path, text: str) -> QuantumCircuit:
    try:
        # As QuantumCircuit.from_qasm_file does: also what qiskit itself writes is read back.
        return qasm2.loads(
            text,
            include_path=qasm2.LEGACY_INCLUDE_PATH,
            custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS,
            custom_classical=qasm2.LEGACY_CUSTOM_CLASSICAL,
        )
    except qasm2.QASM2ParseError as error:
        message = error.message.replace("<input>", path.name, 1)
        raise _unreadable(path, safe(message)) from error


def _read_qasm3(path: Path, text: str) -> QuantumCircuit:
    try:
        return qasm3.loads(text)
    except MissingOptionalLibraryError as error:
        raise ConfigurationError(
            f"{safe(path)} is OpenQASM 3, which needs an extra: pip install 'jobset[qasm3]'"
        ) from error
    except Exception as error:  # the importer raises whatever its parser and visitors raise
        raise _unreadable(path, str(error) or type(error).__name__) from error


def _read_qpy(path: Path, data: bytes) -> list[QuantumCircuit]:
    try:
        version, count = struct.unpack_from("!6xB3xQ", data)
        if not MIN_QPY_VERSION <= version <= reader_qpy_version():
            raise _unreadable(
                path,
                f"it is QPY {version}, and {MIN_QPY_VERSION} to {reader_qpy_version()} can be read "
                "here: write it again with a fitting qiskit",
            )
        # Older programs of several circuits have no table by which they could be checked.
        if version >= TABLE_QPY_VERSION or count == 1:
            check_programs([data], _LIMITS, reader_version=version)
        circuits: list[QuantumCircuit] = qpy.load(io.BytesIO(data))
    except InvalidExperimentsError:
        raise
    except CodecError as error:
        raise _unreadable(path, str(error)) from error
    except Exception as error:  # as above
        raise _unreadable(path, f"its QPY is damaged: {str(error)[:500]}") from error
    if not circuits:
        raise _unreadable(path, "it holds no circuits")
    return circuits


def _unreadable(path: Path, reason: str) -> InvalidExperimentsError:
    return InvalidExperimentsError(f"cannot read circuits from {safe(path)}: {reason}")
