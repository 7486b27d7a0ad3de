"""A provider's reference in a worker's hands, while the store takes no writes."""

import logging
from typing import Any

import pytest

from jobset_protocol.errors import StoreRefusingError
from jobset_protocol.statuses import ChunkStatus
from tests.unit.worker.stand_ins import Bench, SteeredRemote


def test_a_reference_is_kept_until_the_store_takes_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a provider that cannot be asked for a tag, and a store that refuses three times
    bench = Bench(SteeredRemote(find=False))
    [key] = bench.add_set()
    submitted, refusals = bench.store.submitted, 3

    def refuse_at_first(*args: Any, **kwargs: Any) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise StoreRefusingError("the disk is full")
        submitted(*args, **kwargs)

    monkeypatch.setattr(bench.store, "submitted", refuse_at_first)
    # When the chunk is submitted
    with caplog.at_level(logging.WARNING):
        outcome = bench.worker.submit_chunk(key)
    # Then the job's reference is stored in the end, and was not in silence
    [record] = bench.store.chunks([key])
    assert outcome.status is record.status is ChunkStatus.SUBMITTED
    assert record.reference is not None
    assert caplog.text.count(f"job {record.reference.job_id} of chunk {key} is not stored yet") == 3
