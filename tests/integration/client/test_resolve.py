"""Uncertain chunks and jobs that were too many: what a person is told, and may say."""

from collections.abc import Callable, Mapping

import pytest

from jobset_client import JobManager, ManagedJobSet
from jobset_client.cli.errors import ExitCode
from jobset_protocol.errors import ConfigurationError, FailureKind, InvalidStateError
from jobset_protocol.messages import ErrorRecord, JobReference, WorkerRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store import Store
from jobset_protocol.store.memory import MemoryStore
from tests.unit.client.cli_support import Cli, lines
from tests.unit.client.support import ALIAS, FakeWorker, ListSender, circuits, counts_of

DONE, FAILED, QUEUED, SUBMITTED, UNCERTAIN = (
    ChunkStatus.DONE,
    ChunkStatus.FAILED,
    ChunkStatus.QUEUED,
    ChunkStatus.SUBMITTED,
    ChunkStatus.UNCERTAIN,
)


@pytest.fixture
def job_set(manager: JobManager) -> ManagedJobSet:
    return manager.run(circuits(8), ALIAS, name="flips", max_experiments_per_job=2)


@pytest.fixture
def worker(store: MemoryStore, job_set: ManagedJobSet, sender: ListSender) -> FakeWorker:
    """A worker that led the chunks to done, uncertain, failed and uncertain."""
    worker = FakeWorker(store, job_set)
    worker.run(0)
    doubt(worker, 1)
    worker.fail(2)
    doubt(worker, 3)
    sender.sent.clear()
    return worker


def doubt(worker: FakeWorker, index: int) -> None:
    claim, _ = worker.claim(index, ChunkStatus.CLAIMED)
    worker.store.intend(claim)
    error = ErrorRecord("ProviderError", "nobody knows", FailureKind.UNCERTAIN, "submit")
    doubted = worker.store.doubt(claim, backend=ALIAS, error=error)
    assert doubted is not None
    worker.finish(doubted, UNCERTAIN, error=error)


def collect(worker: FakeWorker, index: int) -> None:
    """Let the job end, and its result be stored."""
    claim = worker.store.claim_collection(
        worker.key(index), backend=ALIAS, owner="w1", lease_seconds=30
    )
    assert claim is not None
    worker.finish(claim, DONE, result=worker.store.results([worker.key(0)])[0])


class TestResolve:
    def test_a_job_is_named(
        self, worker: FakeWorker, job_set: ManagedJobSet, sender: ListSender
    ) -> None:
        assert not job_set.results(timeout=5).success

        [managed_job] = job_set.resolve(1, job_id="their-7")

        assert managed_job is job_set.managed_jobs()[1]
        assert (managed_job.chunk_status, managed_job.error_message()) == (SUBMITTED, None)
        assert managed_job.job is not None
        assert managed_job.job.job_id() == "their-7"
        assert sender.sent == []
        assert job_set.chunk_statuses() == [DONE, SUBMITTED, FAILED, UNCERTAIN]
        collect(worker, 1)
        assert job_set.results(timeout=5).get_counts(3) == counts_of(1)

    def test_there_is_no_job(
        self, worker: FakeWorker, job_set: ManagedJobSet, sender: ListSender
    ) -> None:
        managed_jobs = job_set.resolve(resubmit=True)

        assert [job.record.key.index for job in managed_jobs] == [1, 3]
        assert sender.sent == [worker.key(1), worker.key(3)]
        assert [past.status for past in managed_jobs[0].history] == [UNCERTAIN]
        worker.run(1)
        worker.run(3)
        assert job_set.results(timeout=5).get_counts(7) == counts_of(7)

    @pytest.mark.usefixtures("worker")
    def test_it_is_given_up(self, job_set: ManagedJobSet, sender: ListSender) -> None:
        [managed_job] = job_set.resolve(job_set.managed_jobs()[3], give_up=True)

        assert managed_job.chunk_status is FAILED
        message = managed_job.error_message() or ""
        assert message.startswith("nobody knows\n")
        assert "given up" in message
        assert sender.sent == []
        assert "resolve(3" not in job_set.report()
        assert managed_job in job_set.retry(kinds=["uncertain"])

    @pytest.mark.usefixtures("worker")
    def test_a_retry_leaves_it_alone(self, job_set: ManagedJobSet) -> None:
        assert [job.record.key.index for job in job_set.retry(include_cancelled=True)] == [2]

    def test_nothing_is_uncertain(self, manager: JobManager, store: Store) -> None:
        job_set = manager.run(circuits(1), ALIAS)
        FakeWorker(store, job_set).run_all()
        assert job_set.resolve(give_up=True) == []
        assert job_set.results(timeout=0).success

    @pytest.mark.usefixtures("worker")
    @pytest.mark.parametrize(
        "call",
        [
            lambda job_set: job_set.resolve(),
            lambda job_set: job_set.resolve(1),
            lambda job_set: job_set.resolve(1, resubmit=True, give_up=True),
            lambda job_set: job_set.resolve(1, job_id="j", resubmit=True),
        ],
    )
    def test_one_of_three_must_be_said(
        self, job_set: ManagedJobSet, call: Callable[[ManagedJobSet], object]
    ) -> None:
        with pytest.raises(ConfigurationError, match="one of three"):
            call(job_set)
        assert job_set.chunk_statuses()[1] is UNCERTAIN

    @pytest.mark.usefixtures("worker")
    @pytest.mark.parametrize("job", [4, -1, True, "1", 1.0])
    def test_there_must_be_such_a_job(self, job_set: ManagedJobSet, job: int) -> None:
        with pytest.raises(ConfigurationError, match="job"):
            job_set.resolve(job, give_up=True)

    @pytest.mark.usefixtures("worker")
    def test_a_job_of_another_set_is_refused(
        self, manager: JobManager, job_set: ManagedJobSet
    ) -> None:
        [other] = manager.run(circuits(1), ALIAS, name="other").managed_jobs()
        with pytest.raises(ConfigurationError, match="not a job of job set 'flips'"):
            job_set.resolve(other, give_up=True)

    @pytest.mark.usefixtures("worker")
    def test_a_jobs_id_is_that_of_one_job(self, job_set: ManagedJobSet) -> None:
        with pytest.raises(ConfigurationError, match="uncertain are: 1, 3"):
            job_set.resolve(job_id="their-7")
        for malformed in ("", "a\nb", 7):
            with pytest.raises(ConfigurationError, match="job_id"):
                job_set.resolve(1, job_id=malformed)  # type: ignore[arg-type]  # what users do
        job_set.resolve(1, job_id="their-7")
        with pytest.raises(ConfigurationError, match="is that of chunk 1"):
            job_set.resolve(3, job_id="their-7")

    @pytest.mark.usefixtures("worker")
    def test_only_what_is_uncertain_is_settled(self, job_set: ManagedJobSet) -> None:
        for index, word in ((0, "done"), (2, "failed")):
            with pytest.raises(InvalidStateError, match=f"chunk {index} is {word}"):
                job_set.resolve(index, resubmit=True)

    def test_what_the_adapter_needs_beside_the_id_is_kept(
        self, worker: FakeWorker, job_set: ManagedJobSet
    ) -> None:
        late = JobReference("late", "session 5")
        worker.store.note_extra_job(worker.key(1), late, attempt=1, cancelled=False)
        [managed_job] = job_set.resolve(1, job_id="late")
        assert managed_job.record.reference == late
        assert managed_job.extra_jobs == ()


class TestReport:
    @pytest.mark.usefixtures("worker")
    def test_it_says_what_to_look_for_and_what_to_do(self, job_set: ManagedJobSet) -> None:
        advice = [
            "nobody knows",
            f"Look for a job with the tag jobset-{job_set.job_set_id()}-1-1 in the provider's own "
            "list of jobs, then call",
            "  resolve(1, job_id=...) if it is there: its result is collected",
            "  resolve(1, resubmit=True) if it is not: the circuits are submitted again",
            "  resolve(1, give_up=True) to leave it: it counts as failed",
        ]
        for text, indent in ((job_set.report(), 6), (job_set.error_messages() or "", 2)):
            assert "\n".join(" " * indent + line for line in advice) in text

    def test_jobs_that_were_too_many_are_told(
        self, worker: FakeWorker, job_set: ManagedJobSet
    ) -> None:
        for index, job_id, cancelled in ((0, "twin", True), (2, "spare\x1b[m", False)):
            worker.store.note_extra_job(
                worker.key(index), JobReference(job_id), attempt=1, cancelled=cancelled
            )
        report, messages = job_set.report(), job_set.error_messages() or ""
        twin = "job twin was made beside it (attempt 1) and cancelled: see the provider's bill"
        assert f"    extra jobs:\n      {twin}" in report
        assert f"done:\n  {twin}" in messages
        for text in (report, messages):
            assert "and could not be cancelled: see the provider's bill" in text
            assert "\x1b" not in text


class TestCommandLine:
    def test_show_says_what_to_do(
        self, cli: Cli, worker: FakeWorker, job_set: ManagedJobSet
    ) -> None:
        worker.store.note_extra_job(worker.key(0), JobReference("twin"), attempt=1, cancelled=True)
        shown = cli("show", "flips").stdout
        set_id = job_set.job_set_id()
        for index in (1, 3):
            tag = f"jobset-{set_id}-{index}-1"
            assert f"Chunk {index} is uncertain.  Look for a job with the tag {tag} in" in shown
        assert f"  jobset resolve {set_id[:12]} --job 1 --job-id JOB   if it is there" in shown
        assert "Chunk 0: job twin was made beside it (attempt 1) and cancelled" in shown
        chunks = cli.json("show", "flips", "--json")["chunk_list"]
        assert chunks[1]["tag"] == f"jobset-{set_id}-1-1"
        assert [job["job_id"] for job in chunks[0]["extra_jobs"]] == ["twin"]

    def test_a_set_without_trouble_is_shown_without_advice(
        self, cli: Cli, manager: JobManager
    ) -> None:
        manager.run(circuits(1), ALIAS, name="quiet")
        assert "resolve" not in cli("show", "quiet").stdout

    @pytest.mark.usefixtures("worker")
    @pytest.mark.parametrize(
        ("options", "code"),
        [
            ((), ExitCode.USAGE),
            (("--resubmit", "--give-up"), ExitCode.USAGE),
            (("--job-id", "j"), ExitCode.USAGE),
            (("--job", "7", "--give-up"), ExitCode.USAGE),
            (("--job", "0", "--give-up"), ExitCode.FAILED),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, cli: Cli, job_set: ManagedJobSet, options: tuple[str, ...], code: ExitCode
    ) -> None:
        cli("resolve", "flips", *options, code=code)
        assert job_set.chunk_statuses() == [DONE, UNCERTAIN, FAILED, UNCERTAIN]

    @pytest.mark.usefixtures("worker")
    def test_all_or_one_is_settled(self, cli: Cli, job_set: ManagedJobSet) -> None:
        one = cli("resolve", "flips", "--job", "3", "--job-id", "j")
        assert "1 chunk attached to job j" in one.stderr
        assert cli.json("resolve", "flips", "--resubmit", "--json") == [1]
        assert job_set.chunk_statuses() == [DONE, QUEUED, FAILED, SUBMITTED]
        assert "no chunk is uncertain" in cli("resolve", "flips", "--give-up").stderr

    @pytest.mark.usefixtures("worker")
    def test_ls_tells_that_a_set_is_uncertain(self, cli: Cli, job_set: ManagedJobSet) -> None:
        assert lines(cli("ls"))[0][5] == "failed"
        job_set.retry()
        job_set.cancel()
        assert lines(cli("ls"))[0][5] == "uncertain"
        [found] = cli.json("ls", "--status", "uncertain", "--json")
        assert found["counts"]["uncertain"] == 2


class TestDoctor:
    def findings(self, cli: Cli) -> list[Mapping[str, str]]:
        document = cli.json("doctor", "--json")
        return [each for each in document["findings"] if each["subject"] == "job sets"]

    @pytest.fixture(autouse=True)
    def alive(self, store: Store) -> None:
        """Nothing else is wrong."""
        [spec] = store.backends().values()
        for role in ("worker", "watcher"):
            store.announce(WorkerRecord(role, role, "here", 1, [ALIAS]), [spec], ttl_seconds=60)

    def test_nobody_waits(self, cli: Cli, manager: JobManager) -> None:
        manager.run(circuits(1), ALIAS)
        [finding] = self.findings(cli)
        assert finding["level"] == "fine"

    @pytest.mark.usefixtures("worker")
    def test_uncertain_chunks_are_found(self, cli: Cli, job_set: ManagedJobSet) -> None:
        [finding] = self.findings(cli)
        name = job_set.job_set_id()[:12]
        assert finding["level"] == "warning"
        assert f"{name} has 2 uncertain chunks" in finding["message"]
        assert f"jobset resolve {name} --job N" in finding["advice"]

    def test_chunks_that_ended_their_workers_are_found(
        self, cli: Cli, manager: JobManager, store: Store
    ) -> None:
        worker = FakeWorker(store, manager.run(circuits(2), ALIAS, max_experiments_per_job=1))
        worker.fail(0)
        claim, _ = worker.claim(1)
        lost = ErrorRecord("WorkerLost", "worker w1 vanished (3 of 3)", FailureKind.TRANSIENT)
        worker.finish(claim, FAILED, error=lost)
        [finding] = self.findings(cli)
        assert "chunk 1 of" in finding["message"]
        assert "worker w1 vanished (3 of 3)" in finding["message"]
        assert "jobset retry" in finding["advice"]

    def test_of_many_sets_a_few_are_named(
        self, cli: Cli, manager: JobManager, store: Store
    ) -> None:
        for _ in range(7):
            doubt(FakeWorker(store, manager.run(circuits(1), ALIAS)), 0)
        findings = self.findings(cli)
        assert len(findings) == 6
        assert "in 2 more job sets" in findings[-1]["message"]
