"""Finding and describing sets, and the keys that make a run happen once."""

import uuid
from typing import Any

import pytest

from jobset_protocol import keys
from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import (
    SetRecord,
)
from jobset_protocol.set_status import SetStatus
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import RedisStore, Store
from tests.contracts.store_suite import StoreSuite

DONE, FAILED, SPLIT = ChunkStatus.DONE, ChunkStatus.FAILED, ChunkStatus.SPLIT


class CatalogueContract(StoreSuite):
    """The suite; a subclass gives the fixture ``store``."""

    # -- finding

    def test_a_set_is_found_by_whatever_is_known_of_it(self, store: Store, alias: str) -> None:
        other = self.make(store, f"{alias}x", tags=("t",), owner="you")
        wanted = self.make(store, alias, tags=("t", alias), owner=f"o{alias}", name=f"n{alias}")
        self.end_all(store, wanted)
        moment = wanted.created_at
        for query in (
            {"name": wanted.name},
            {"tag": alias},
            {"backend": alias},
            {"owner": wanted.owner},
            {"since": moment, "until": moment},
            {"since": moment, "status": SetStatus.DONE},
            {"name": wanted.name, "tag": "t", "backend": alias, "owner": wanted.owner},
        ):
            assert self.ids(store, **query) == [wanted.set_id], query
        assert self.ids(store, tag="t", limit=2) == [wanted.set_id, other.set_id]
        assert self.ids(store, tag="t", until=moment - 1e-6)[0] == other.set_id
        assert self.ids(store, name=wanted.name, status=SetStatus.FAILED) == []
        assert self.ids(store, name=wanted.name, owner="you") == []

    @pytest.mark.parametrize(
        ("status", "word"),
        [
            (DONE, SetStatus.DONE),
            (FAILED, SetStatus.FAILED),
            (ChunkStatus.UNCERTAIN, SetStatus.UNCERTAIN),
            (ChunkStatus.CANCELLED, SetStatus.CANCELLED),
        ],
    )
    def test_sets_are_found_by_what_became_of_them(
        self, store: Store, alias: str, status: ChunkStatus, word: SetStatus
    ) -> None:
        queued = self.make(store, alias)
        ended = self.make(store, alias)
        self.end_all(store, ended, status)
        running = self.make(store, alias)
        self.claim(store, running)
        assert self.ids(store, backend=alias, status=SetStatus.QUEUED) == [queued.set_id]
        assert self.ids(store, backend=alias, status=SetStatus.RUNNING) == [running.set_id]
        assert self.ids(store, backend=alias, status=word) == [ended.set_id]

    def test_the_limit_counts_sets_that_fit(self, store: Store, alias: str) -> None:
        wanted = [self.make(store, alias, tags=("x",)).set_id for _ in range(3)]
        for _ in range(5):
            self.make(store, f"{alias}x", tags=("x",))
        assert self.ids(store, backend=alias, limit=2) == wanted[:0:-1]

    def test_more_sets_than_a_page_are_found_once_each(self, store: RedisStore, alias: str) -> None:
        made = [self.make(store, alias, tags=(alias,)).set_id for _ in range(205)]
        assert self.ids(store, tag=alias) == made[::-1]
        # Also when the index cannot tell which is newer.
        store.client.zadd(keys.sets_by_tag(alias), dict.fromkeys(made, 5.0))
        assert sorted(self.ids(store, tag=alias)) == sorted(made)

    def test_entries_of_sets_that_are_gone_are_dropped(self, store: RedisStore, alias: str) -> None:
        job_set = self.make(store, alias, tags=(alias,))
        index = keys.sets_by_tag(alias)
        store.client.zadd(index, {"0" * 32: 1.0})
        assert self.ids(store, tag=alias) == [job_set.set_id]
        assert store.client.zrange(index, 0, -1) == [job_set.set_id.encode()]

    def test_an_entry_under_a_former_name_is_dropped(self, store: RedisStore, alias: str) -> None:
        # Given a client that died between the new name and the old one's entry
        job_set = self.make(store, alias, name=alias)
        store.client.zadd(keys.sets_by_name(f"{alias}-old"), {job_set.set_id: job_set.created_at})
        assert self.ids(store, name=f"{alias}-old") == []
        assert store.client.exists(keys.sets_by_name(f"{alias}-old")) == 0
        assert self.ids(store, name=alias) == [job_set.set_id]

    def test_a_set_is_in_the_indexes_whenever_it_exists(
        self, store: RedisStore, alias: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A client may die after any of the commands by which it creates a set."""
        run = store.scripts.run
        for died_after in range(20):
            record = SetRecord(
                uuid.uuid4().hex, alias, alias, "me", 1, 1, {}, (alias,), retention_seconds=9.0
            )

            def run_some(commands: list[Any], most: int = died_after) -> list[Any]:
                run(commands[:most])
                raise KeyboardInterrupt

            with monkeypatch.context() as patch:
                patch.setattr(store.scripts, "run", run_some)
                with pytest.raises(KeyboardInterrupt):
                    store.create_set(record, b"")
            exists = bool(store.client.exists(keys.job_set(record.set_id)))
            for query in ({"name": alias}, {"tag": alias}, {"backend": alias}):
                assert (record.set_id in self.ids(store, **query)) is exists
            if exists:
                assert record.set_id in store.live_sets()
                assert store.client.zscore(keys.SETS_BY_EXPIRY, record.set_id)
            else:
                store.settle_set(record.set_id)
                store.delete_set(record.set_id)
        assert exists

    # -- describing

    def test_a_renamed_set_is_found_by_its_new_name(self, store: Store, alias: str) -> None:
        job_set = self.make(store, alias, name=f"{alias}-old")
        store.rename_set(job_set.set_id, f"{alias}-new")
        assert store.set_record(job_set.set_id).name == f"{alias}-new"
        assert self.ids(store, name=f"{alias}-new") == [job_set.set_id]
        assert self.ids(store, name=f"{alias}-old") == []
        store.rename_set(job_set.set_id, f"{alias}-new")
        assert self.ids(store, name=f"{alias}-new") == [job_set.set_id]

    def test_a_retagged_set_is_found_by_its_new_tags(self, store: Store, alias: str) -> None:
        old, kept, new = (f"{alias}-{word}" for word in ("old", "kept", "new"))
        job_set = self.make(store, alias, tags=(old, kept))
        store.retag_set(job_set.set_id, [new, kept])
        assert store.set_record(job_set.set_id).tags == (kept, new)
        for tag, found in ((old, []), (kept, [job_set.set_id]), (new, [job_set.set_id])):
            assert self.ids(store, tag=tag) == found
        store.retag_set(job_set.set_id, [])
        assert store.set_record(job_set.set_id).tags == ()
        assert self.ids(store, tag=kept) == []

    def test_a_set_that_is_gone_cannot_be_described(self, store: RedisStore, alias: str) -> None:
        job_set = self.make(store, alias)
        store.delete_set(job_set.set_id, force=True)
        with pytest.raises(JobSetNotFoundError):
            store.rename_set(job_set.set_id, alias)
        with pytest.raises(JobSetNotFoundError):
            store.retag_set(job_set.set_id, [alias])
        with pytest.raises(JobSetNotFoundError):
            store.update_retention(job_set.set_id, 5.0)
        assert self.keys_of(store, job_set) == []

    def test_describing_does_not_bring_a_set_back_that_is_deleted_meanwhile(
        self, store: RedisStore, alias: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_set = self.make(store, alias)
        read = store.set_record

        def read_and_delete(set_id: str) -> SetRecord:
            record = read(set_id)
            store.delete_set(set_id, force=True)
            return record

        monkeypatch.setattr(store, "set_record", read_and_delete)
        with pytest.raises(JobSetNotFoundError):
            store.rename_set(job_set.set_id, f"{alias}-new")
        assert self.keys_of(store, job_set) == []

    # -- idempotency keys

    def test_a_key_stands_for_the_first_set(self, store: Store, alias: str) -> None:
        first, second = self.make(store, alias), self.make(store, alias)
        assert store.set_with_key("me", alias) is None
        assert store.claim_key("me", alias, first.set_id) == first.set_id
        assert store.claim_key("me", alias, first.set_id) == first.set_id
        assert store.claim_key("me", alias, second.set_id) == first.set_id
        assert store.claim_key("you", alias, second.set_id) == second.set_id
        assert store.set_with_key("me", alias) == first

    def test_a_key_of_a_set_that_is_gone_is_taken_over(self, store: Store, alias: str) -> None:
        gone, there = self.make(store, alias), self.make(store, alias)
        store.claim_key("me", alias, gone.set_id)
        store.delete_set(gone.set_id, force=True)
        assert store.set_with_key("me", alias) is None
        assert store.claim_key("me", alias, there.set_id) == there.set_id

    def test_a_key_goes_with_its_set_only(self, store: RedisStore, alias: str) -> None:
        first = self.make(store, alias, idempotency_key=alias)
        second = self.make(store, alias, idempotency_key=alias)
        store.claim_key("me", alias, first.set_id)
        store.delete_set(second.set_id, force=True)
        assert store.set_with_key("me", alias) == first
        store.delete_set(first.set_id, force=True)
        assert store.client.exists(keys.idempotency("me", alias)) == 0
