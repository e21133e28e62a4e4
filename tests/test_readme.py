"""The commands, links and examples of README and docs work, and nothing is left unexplained."""

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bench.cli.run_options import build_parser, parse_request
from models import MODELS
from results.tables import REFERENCE
from tests import ROOT

PAGES = {
    path: path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
README = PAGES[ROOT / "README.md"]
EVERYTHING = "\n".join(PAGES.values())
CODE_BLOCKS = re.findall(r"```(\w+)\n(.*?)```", EVERYTHING, flags=re.DOTALL)
LINKS = [
    (path.parent, link)
    for path, text in PAGES.items()
    for link in re.findall(r"\]\(([^)#]+)\)", text)
    if not link.startswith("http")
]


def shell_commands() -> list[str]:
    """List the commands of all blocks of shell, and those within a sentence or a table."""
    lines = "\n".join(text for language, text in CODE_BLOCKS if language == "sh").splitlines()
    lines += re.findall(r"`(python -m bench\.run[^`]*)`", EVERYTHING)
    commands = [part.strip() for line in lines for part in re.split("&+", line.split("#")[0])]
    return [command for command in commands if command]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, *arguments),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_first_screen_has_the_commands():
    first_screen = README.splitlines()[:36]
    commands = [line for line in first_screen if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert "bench.run --preset quick" in commands[0]
    assert commands[1].endswith("-m pytest")
    assert any("-m reports.examples" in line for line in first_screen)


def test_every_command_of_the_runner_is_a_request(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    seen = 0
    for command in shell_commands():
        words = shlex.split(command)
        if "bench.run" in words:
            arguments = words[words.index("bench.run") + 1 :]
            if not any("my_package" in argument for argument in arguments):
                parse_request(arguments)
                seen += 1
    assert seen >= 15


REPORTING = [
    command
    for command in dict.fromkeys(shell_commands())
    if re.search(r"python -m (reports\.|bench\.compare --models)", command)
]


@pytest.mark.parametrize("command", REPORTING)
def test_every_command_that_reports_runs(command, tmp_path, monkeypatch):
    """Folders that a reader has made by then are played by the published one."""
    _, _, module, *arguments = shlex.split(command.replace("my_package.my_module:build", "rnn"))
    played = [
        str(REFERENCE) if re.match("results/(?!reference)", word) else word for word in arguments
    ]
    if "--out" in arguments:
        out = arguments.index("--out") + 1
        played[out] = str(tmp_path / arguments[out])
        Path(played[out]).parent.mkdir(parents=True, exist_ok=True)
    elif module == "reports.figures":
        played += ["--out", str(tmp_path)]
    if module == "reports.figures" and "--figure" not in played:
        played += ["--figure", "accuracy"]  # All of them take half a minute.
    if "bench" not in module and "--results" not in played:
        played += ["--results", str(REFERENCE)]
    monkeypatch.chdir(ROOT)
    command_module = import_module("reports.page.__main__" if module == "reports.page" else module)
    assert command_module.main(played) == 0


def test_every_option_and_model_is_explained():
    options = {
        option
        for action in build_parser()._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }
    explained = set(re.findall(r"`(--[a-z-]+)`", EVERYTHING))
    assert options <= explained
    assert all(f"`{model}`" in EVERYTHING for model in MODELS)


def test_python_example_runs():
    (example,) = [text for language, text in CODE_BLOCKS if language == "python"]
    done = run("-c", example)
    assert done.returncode == 0, done.stderr


def test_tables_are_those_of_the_published_results():
    done = run("-m", "reports.readme", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("folder", "link"), LINKS)
def test_linked_file_is_there(folder, link):
    assert (folder / link).is_file()


def test_every_page_is_reached_from_the_readme():
    reached = {(folder / link).resolve() for folder, link in LINKS}
    assert {path for path in PAGES if path.parent != ROOT} <= reached


def test_example_of_the_readme_is_a_published_answer():
    example = re.search(r"```text\nsource.*?```", README, flags=re.DOTALL)
    command = next(line for line in README.splitlines() if "-m reports.examples --results" in line)
    done = run(*shlex.split(command)[1:])
    assert done.returncode == 0, done.stderr
    published = {" ".join(line.split()) for line in done.stdout.splitlines()}
    lines = [line.partition(" ^")[0] for line in example[0].splitlines()[1:-1]]
    shown = [" ".join(line.split()) for line in lines if line.strip()]
    assert len(shown) == 3
    assert set(shown) <= published


def test_quick_start_trains_and_draws(tmp_path):
    """The first command, after the installation, at a small budget and with two models."""
    results, figures = tmp_path / "results", tmp_path / "figures"
    trained = run(
        "-m", "bench.run", "--preset", "quick", "--budget", "20", "--lengths", "2,4",
        "--models", "rnn,seq2seq+dot", "--out", str(results),
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert f"python -m reports.figures --results {results}" in trained.stdout
    assert (results / "report.html").is_file()
    drawn = run("-m", "reports.figures", "--results", str(results), "--out", str(figures))
    assert drawn.returncode == 0, drawn.stderr
    assert {"accuracy.png", "sequence_accuracy.png", "carried_bits.png", "throughput.png"} <= {
        path.name for path in figures.iterdir()
    }
