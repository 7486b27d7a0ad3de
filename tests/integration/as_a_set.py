"""Run circuits in chunks exactly as client and worker do, without their servers."""

from collections.abc import Mapping, Sequence
from typing import Any

from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from jobset_client import validation
from jobset_protocol.codecs.document import decode_document, encode_document
from jobset_protocol.codecs.qpy import decode_circuits, encode_circuits, reader_qpy_version
from jobset_protocol.codecs.result import decode_result, encode_result
from jobset_protocol.messages import AS_IF_UNSPLIT
from tests.unit.client.support import backend
from worker.providers.aer import create
from worker.providers.base import LocalProvider, Payload


def as_a_set(
    circuits: Sequence[QuantumCircuit],
    chunk_size: int,
    options: Mapping[str, Any],
    *,
    provider: LocalProvider | None = None,
    seed_policy: str = AS_IF_UNSPLIT,
) -> list[dict[str, Any]]:
    """Return the data of all experiments, in order; all that travels is encoded and decoded."""
    adapter = provider or create("aer", {})
    travelling = decode_document(encode_document(validation.run_options(options, backend())))
    data = []
    for start in range(0, len(circuits), chunk_size):
        blob = encode_circuits(
            circuits[start : start + chunk_size], qpy_version=reader_qpy_version()
        )
        payload = Payload(decode_circuits(blob), start, seed_policy)
        result = decode_result(encode_result(adapter.run(payload, travelling)))
        assert result.success, result.status
        data += [each.data.to_dict() for each in result.results]
    return data


def unsplit(circuits: Sequence[QuantumCircuit], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the data of one run of Aer, without Jobset."""
    result = AerSimulator(max_parallel_threads=1).run(list(circuits), **options).result()
    assert result.success, result.status
    return [each.data.to_dict() for each in result.results]
