"""What every provider adapter must do, local or remote; run in ``unit`` and ``integration``."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.result import Result

from jobset_protocol.errors import FailureKind, ProviderError
from jobset_protocol.messages import JobReference
from tests.support import wait_until
from worker.providers.base import LocalProvider, Payload, PollStatus, RemoteProvider

Provider = LocalProvider | RemoteProvider


def superpositions(count: int) -> list[QuantumCircuit]:
    """Three-qubit circuits with a distribution each, two of them with the same name."""
    circuits = []
    for index in range(count):
        circuit = QuantumCircuit(3, 3, name=f"c{max(index, 1)}", metadata={"index": index})
        circuit.h([0, 1])
        circuit.ry(0.3 * (index + 1), 2)
        circuit.measure(range(3), range(3))
        circuits.append(circuit)
    return circuits


def two_registers() -> QuantumCircuit:
    """A circuit whose counts are written with a space."""
    circuit = QuantumCircuit(
        QuantumRegister(2, "q"), ClassicalRegister(1, "a"), ClassicalRegister(1, "b"), name="two"
    )
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    return circuit


def ended(provider: RemoteProvider, reference: JobReference) -> PollStatus:
    """Wait for a job's end."""

    def final() -> PollStatus | None:
        [poll] = provider.poll([reference]).values()
        return None if poll.status in (PollStatus.QUEUED, PollStatus.RUNNING) else poll.status

    status = wait_until(final, description=f"{reference} to end")
    assert status is not None
    return status


def run_to_end(provider: Provider, payload: Payload, options: Mapping[str, Any]) -> Result:
    """Run a chunk, whichever way the adapter does it."""
    if isinstance(provider, LocalProvider):
        return provider.run(payload, options)
    reference = provider.submit(payload, tag="jobset-contract", options=options)
    assert ended(provider, reference) is PollStatus.DONE
    return provider.result(reference, payload)


def chunked(
    provider: Provider,
    circuits: Sequence[QuantumCircuit],
    chunk_size: int,
    options: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Run circuits in chunks; the data of all experiments, in order."""
    return [
        experiment.data.to_dict()
        for start in range(0, len(circuits), chunk_size)
        for experiment in run_to_end(
            provider, Payload(circuits[start : start + chunk_size], start), options
        ).results
    ]


class ProviderContract:
    """The suite; a subclass gives the fixture ``provider``."""

    def test_it_is_either_local_or_remote(self, provider: Provider) -> None:
        assert isinstance(provider, LocalProvider) is provider.local
        assert isinstance(provider, RemoteProvider) is not provider.local

    def test_one_experiment_a_circuit_in_order(self, provider: Provider) -> None:
        circuits = superpositions(5)

        result = run_to_end(provider, Payload(circuits, 0), {"shots": 50})

        assert result.success
        assert [each.header["name"] for each in result.results] == [c.name for c in circuits]
        assert [each.header["metadata"] for each in result.results] == [
            c.metadata for c in circuits
        ]
        assert [sum(result.get_counts(i).values()) for i in range(5)] == [50] * 5

    def test_counts_are_as_wide_as_the_registers(self, provider: Provider) -> None:
        result = run_to_end(provider, Payload([two_registers()], 0), {"shots": 10})

        [bits] = result.get_counts(0)
        assert len(bits) == 3
        assert bits[1] == " "

    def test_memory_holds_every_shot(self, provider: Provider) -> None:
        result = run_to_end(provider, Payload(superpositions(1), 0), {"shots": 40, "memory": True})

        memory = result.get_memory(0)
        assert {bits: memory.count(bits) for bits in set(memory)} == result.get_counts(0)

    @pytest.mark.parametrize("chunk_size", [1, 3, 4])
    def test_a_seed_gives_the_same_counts_whatever_the_chunk_size(
        self, provider: Provider, chunk_size: int
    ) -> None:
        circuits = superpositions(7)
        options = {"shots": 100, "seed_simulator": 11, "memory": True}

        unsplit = chunked(provider, circuits, len(circuits), options)

        assert chunked(provider, circuits, chunk_size, options) == unsplit

    def test_seeds_matter(self, provider: Provider) -> None:
        circuits = superpositions(3)

        first, second = (
            chunked(provider, circuits, 3, {"shots": 100, "seed_simulator": seed})
            for seed in (11, 12)
        )

        assert first != second

    def test_an_unknown_run_option_is_fatal_and_named(self, provider: Provider) -> None:
        with pytest.raises(ProviderError, match="no_such_option") as caught:
            run_to_end(provider, Payload(superpositions(1), 0), {"no_such_option": 1})

        assert provider.classify(caught.value) is FailureKind.FATAL

    @pytest.mark.parametrize("kind", list(FailureKind))
    def test_classify_keeps_the_kind_of_its_own_errors(
        self, provider: Provider, kind: FailureKind
    ) -> None:
        assert provider.classify(ProviderError("out of order", kind=kind)) is kind


class RemoteProviderContract(ProviderContract):
    """What remote adapters must do besides; ``again`` is the same one in another process."""

    def test_a_job_is_found_by_its_tag(self, provider: RemoteProvider) -> None:
        if not provider.capabilities.find:
            with pytest.raises(ProviderError):
                provider.find("jobset-mine")
            return
        payload = Payload(superpositions(1), 0)

        first = provider.submit(payload, tag="jobset-mine", options={})
        provider.submit(payload, tag="jobset-mine-too", options={})
        second = provider.submit(payload, tag="jobset-mine", options={})

        assert provider.find("jobset-mine") == [first, second]
        assert provider.find("jobset-nobodys") == []

    def test_another_process_takes_a_job_up(
        self, provider: RemoteProvider, again: RemoteProvider
    ) -> None:
        payload = Payload(superpositions(2), 4)
        reference = provider.submit(payload, tag="jobset-a", options={"seed_simulator": 3})

        assert ended(again, reference) is PollStatus.DONE
        result = again.result(reference, payload)

        assert [each.header["name"] for each in result.results] == ["c1", "c1"]

    def test_jobs_are_polled_together(self, provider: RemoteProvider) -> None:
        payload = Payload(superpositions(1), 0)
        first, second = (provider.submit(payload, tag=tag, options={}) for tag in "ab")
        nobodys = JobReference("no-such-job")

        polls = provider.poll([first, second, nobodys])

        assert set(polls) == {first, second, nobodys}
        assert polls[nobodys].status is PollStatus.LOST

    def test_no_jobs_are_polled(self, provider: RemoteProvider) -> None:
        assert provider.poll([]) == {}

    def test_an_ended_job_cannot_be_cancelled(self, provider: RemoteProvider) -> None:
        reference = provider.submit(Payload(superpositions(1), 0), tag="jobset-b", options={})
        ended(provider, reference)

        assert not provider.cancel(reference)
        assert not provider.cancel(JobReference("no-such-job"))
