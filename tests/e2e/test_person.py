"""A run as the person lives it who teaches: from the first pair to long after the last."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from somersault.cli.services.ports import choose_ports
from tests.e2e.person import Person, pages_of
from tests.e2e.runs import Run, train

pytestmark = [pytest.mark.e2e]

CHROMIUM = "/usr/bin/chromium"
TRAIN = [sys.executable, "-m", "somersault.cli", "train", "hopper-backflip"]
EVERY_S = 4.0  # 15 answers a minute

END_PLAYS = "(() => (document.getElementById('end-video')?.currentTime ?? 0) > 0)()"


@pytest.fixture
def tab() -> Iterator[Page]:
    """A tab of a real Chromium; an error in a script fails the test."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--headless"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        browser.close()
    assert errors == []


@contextlib.contextmanager
def opened(run_dir: Path) -> Iterator[dict[str, Any]]:
    """Serve the pages of a run that nobody trains, as a user does; Ctrl-C must end it well."""
    command = [sys.executable, "-m", "somersault.cli", "open", str(run_dir), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate()[1][-2000:]
        yield json.loads(line)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    """Return a port that nobody listens on, below those of outgoing connections."""
    return choose_ports(1)[0]


def sit_down(run: Run, person: Person) -> None:
    """Open the labeling page as soon as the run serves it."""
    give_up = time.monotonic() + 180
    while not (run.run_dir / "addresses.json").is_file():
        assert run.process.poll() is None, run.process.communicate()[1][-2000:]
        assert time.monotonic() < give_up, run.logs()
        time.sleep(0.1)
    person.sit_down(pages_of(run.run_dir)["labeling"])


def see_the_end(person: Person, *, timeout_s: float) -> str:
    """Wait for the end's card and its video, and return what the page says then."""
    person.page.wait_for_selector("#end", timeout=timeout_s * 1000)
    person.page.wait_for_selector("#end-video", timeout=20_000)
    give_up = time.monotonic() + 20
    while not person.page.evaluate(END_PLAYS):
        assert time.monotonic() < give_up, person.describe()
        time.sleep(0.1)
    person.page.screenshot(path=person_shot(person, "end"))
    return person.page.inner_text("#end")


def person_shot(person: Person, name: str) -> str:
    """Return where a picture of the page goes, beside the run's folder."""
    return str(person.run_dir.parent / f"{name}.png")


@pytest.mark.timeout(600)
def test_a_person_sees_the_end_and_opens_the_run_again(tmp_path: Path, tab: Page) -> None:
    """All labels are used, the page thanks and shows the video, and `somersault open` shows both again."""
    run_dir = tmp_path / "short"
    options = ("--labels", "8", "--steps", "50000", "--web-port", str(free_port()))
    with train(run_dir, *options, has_web=True) as run:
        person = Person(tab, run_dir)
        sit_down(run, person)
        for _ in range(8):
            person.answer()
        said = see_the_end(person, timeout_s=240)
        summary = run.finish(timeout_s=60)
    assert "Thank you" in said
    assert "You gave 8 answers" in said
    assert summary["labels"] == 8

    with opened(run_dir) as addresses:
        assert addresses["state"] == "finished"
        assert addresses["web_url"] == summary["web_url"], (
            "answers that wait in a browser belong to this address"
        )
        person.sit_down(addresses["labeling_page"])
        assert "Thank you" in see_the_end(person, timeout_s=30)
        again = subprocess.run(
            [*TRAIN, "--run-dir", str(run_dir), "--resume"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert again.returncode == 1
        assert "in use by another somersault open" in again.stderr


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_persons_whole_run_survives_what_happens_on_the_way(tmp_path: Path, tab: Page) -> None:
    """At 15 answers a minute, with a kill, a stopped learner, a reload and a resume: every label used, two flips."""
    run_dir = tmp_path / "whole"
    person = Person(tab, run_dir)
    options = ("--labels", "70", "--steps", "1500000", "--web-port", str(free_port()))
    with train(run_dir, *options, has_web=True) as run:
        sit_down(run, person)
        _answer(person, until=15)
        run.kill("simulator")
        _answer(person, until=30)
        with _stopped_for(run.pid_of("learner"), 20):
            _answer(person, until=40)
        person.page.reload()
        _answer(person, until=45)
        person.page.screenshot(path=person_shot(person, "labeling"))
        run.process.send_signal(signal.SIGINT)
        _, errors = run.process.communicate(timeout=120)
        assert run.process.returncode == 130, errors[-2000:]
    with train(run_dir, "--resume", has_web=True) as run:
        _answer(person, until=70)
        said = see_the_end(person, timeout_s=1500)
        summary = run.finish(timeout_s=120)
    assert f"You gave {person.num_answers} answers" in said
    assert summary["labels"] == 70
    assert summary["flips_per_episode"] >= 2
    with opened(run_dir) as addresses:
        person.sit_down(addresses["labeling_page"])
        assert "Thank you" in see_the_end(person, timeout_s=30)
        person.page.goto(addresses["run_page"])
        person.page.wait_for_selector("svg")
        time.sleep(3)
        person.page.screenshot(path=person_shot(person, "run"), full_page=True)


@contextlib.contextmanager
def _stopped_for(pid: int, seconds: float) -> Iterator[None]:
    """Stop a process for a while, whatever happens meanwhile: pairs may run out while nobody learns."""
    os.kill(pid, signal.SIGSTOP)
    timer = threading.Timer(seconds, os.kill, (pid, signal.SIGCONT))
    timer.start()
    try:
        yield
    finally:
        timer.join()


def _answer(person: Person, *, until: int) -> None:
    """Answer until the run has used so many; gold questions come on top."""
    while person.num_labels < until:
        person.answer(every_s=EVERY_S)
