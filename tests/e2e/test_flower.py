"""Flower's list of tasks names each chunk's submit and collect, and how they ended."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from jobset_client import JobManager, LocalCluster
from tests.circuits import small_circuits
from tests.support import wait_until

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def flower(cluster: LocalCluster) -> Iterator[str]:
    """Flower as the compose file runs it; yields its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "worker.app", "flower", f"--port={port}",
         "--address=127.0.0.1", f"--conf={ROOT}/deploy/flower/flowerconfig.py"],
        env={
            **os.environ,
            "JOBSET_URL": cluster.url,
            "JOBSET_CONFIG": str(cluster.directory / "backends.toml"),
            "FLOWER_UNAUTHENTICATED_API": "true",
        },
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(f"{url}/healthcheck"), description="Flower to answer")
    yield url
    process.terminate()
    process.wait(20)


def seen_by(flower: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Return what Flower knows: (task, arguments) → (state, result)."""
    tasks = httpx.get(f"{flower}/api/tasks").raise_for_status().json().values()
    return {
        (task["name"], task["args"]): (task["state"], task["result"] or task["exception"] or "")
        for task in tasks
    }


def test_flower_shows_every_chunk(cluster: LocalCluster, flower: str) -> None:
    with JobManager(cluster.url) as manager:
        # Flower sees what happens while it listens: its first task tells that it does.
        def listens() -> bool:
            manager.run(small_circuits(1), "fake", name="probe").results(timeout=30)
            return bool(seen_by(flower))

        wait_until(listens, description="Flower to see a task")
        manager.run(
            small_circuits(6), "fake-remote", name="shown", max_experiments_per_job=2
        ).results(timeout=30)
        manager.run(small_circuits(1), "aer", name="wrong", no_such_option=1).results(timeout=30)
    expected = {
        (f"jobset.{task}_chunk", f"('shown', chunk {n} of 3, 'fake-remote')")
        for task in ("submit", "collect")
        for n in (1, 2, 3)
    }
    wait_until(
        lambda: (
            {task for task, (state, _) in seen_by(flower).items() if state == "SUCCESS"} >= expected
        ),
        description="Flower to show the chunks",
    )
    tasks = seen_by(flower)
    assert all("submitted" in tasks[task][1] for task in expected if "submit" in task[0])
    assert all("done" in tasks[task][1] for task in expected if "collect" in task[0])
    state, reason = tasks["jobset.submit_chunk", "('wrong', chunk 1 of 1, 'aer')"]
    assert state == "FAILURE"
    assert "no_such_option" in reason


@pytest.mark.skipif(CHROMIUM is None, reason="there is no browser (chromium) here")
def test_the_list_reads_well_in_a_browser(
    cluster: LocalCluster, flower: str, tmp_path: Path
) -> None:
    from playwright.sync_api import sync_playwright

    with JobManager(cluster.url) as manager:

        def shown() -> bool:
            manager.run(small_circuits(2), "fake-remote", name="shown").results(timeout=30)
            return any("shown" in arguments for _, arguments in seen_by(flower))

        wait_until(shown, description="Flower to see a task")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1500, "height": 700})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{flower}/tasks")
        page.wait_for_selector("text=chunk 1 of 1")
        page.screenshot(path=os.environ.get("JOBSET_SCREENSHOT", tmp_path / "tasks.png"))
        text = page.inner_text("table#tasks-table")
        browser.close()
    assert "jobset.submit_chunk" in text
    assert "('shown', chunk 1 of 1, 'fake-remote')" in text
    assert errors == []
