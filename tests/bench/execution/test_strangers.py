"""Code of users is imported in a child: what it does there, and what is said of it."""

import pytest

from bench.execution import strangers
from bench.execution.strangers import (
    Refused,
    known_models,
    known_tasks,
    meet_models,
    meet_tasks,
)
from models import MODELS
from tests.commands import run

BUILD = "\ndef build(config): pass\n"
ENDS = "ends its process while it is imported"
AT_IMPORT = {
    # What a module does at its top level, and what is said of it; nothing where it may.
    "import os; os._exit(0)": f"{ENDS} (exit status 0); put what it runs under",
    "import os; os.abort()": f"{ENDS} (killed by SIGABRT); put",
    "import os; os.killpg(0, 9)": f"{ENDS} (killed by SIGKILL); put",
    "raise SystemExit('a\\nb')": "exits while it is imported (a b); put",
    "raise KeyboardInterrupt": "cannot be imported: KeyboardInterrupt",
    "input()": "cannot be imported: EOFError",
    "while True: pass": "is not imported after 1 seconds; put what it runs under",
    "import signal; signal.pthread_sigmask(0, range(1, 32)); signal.pause()": "is not imported",
    "import sys; sys.stdin.close(); sys.stdout.close(); open(1, 'w').write('{')": None,
    "import sys; assert len(sys.argv) == 1": None,
    "import threading; threading.Thread(target=threading.Event().wait).start()": None,
    "print('x' * 10**7)": None,
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write modules where they are imported from."""
    monkeypatch.syspath_prepend(tmp_path)

    def do(**modules):
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")

    return do


@pytest.fixture
def install(tmp_path, write):
    """Install a package with entry points, as pip leaves it."""

    def do(package, **groups):
        folder = tmp_path / f"{package}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        lines = [
            line
            for group, points in groups.items()
            for line in (f"[bottleneck_bench.{group}]", *(f"{n} = {v}" for n, v in points.items()))
        ]
        (folder / "entry_points.txt").write_text("\n".join(lines))

    return do


@pytest.mark.fault("F25")
@pytest.mark.parametrize(("text", "said"), AT_IMPORT.items())
def test_module_does_what_it_wants_in_a_child(text, said, write, monkeypatch):
    write(stranger=text + BUILD)
    if said is None:
        assert meet_models(["rnn", "stranger:build"])[0] is MODELS["rnn"]
        return
    if said.startswith("is not imported"):
        monkeypatch.setattr(strangers, "SECONDS_TO_IMPORT", 1.0)
    with pytest.raises(Refused) as caught:
        meet_models(["rnn", "stranger:build"])
    assert str(caught.value).startswith(f"'stranger:build' {said}")


@pytest.mark.fault("F25")
def test_command_refuses_it_in_one_line_and_writes_nothing(tmp_path):
    (tmp_path / "loop.py").write_text("import sys; sys.exit('usage: train.py')", encoding="utf-8")
    status, output, errors = run(tmp_path / "out", "--models", "rnn,loop:build")
    assert (status, output) == (2, "")
    assert errors == (
        "bench.run: --models: 'loop:build' exits while it is imported (usage: train.py); "
        "put what it runs under if __name__ == '__main__'\n"
    )
    assert not (tmp_path / "out").exists()


MODEL = "from models.entry import ModelEntry\nENTRY = ModelEntry('{}', 'a model', '{}', 1, {})\n"


def test_plug_ins_are_met_and_their_code_runs_only_if_it_is_asked_for(install, write):
    write(kit=MODEL.format("bag", "kit:build", True) + BUILD, dead="import sys; sys.exit()")
    install("kit", models={"bag": "kit:ENTRY", "dead": "dead:ENTRY"}, tasks={"gone": "gone:TASK"})
    install("double", tasks={"duplicate": "tests.tasks.duplicate:DUPLICATE"})
    assert known_models() == (*MODELS, "bag", "dead")
    assert known_tasks() == ("copy", "reverse", "sort", "duplicate", "gone")
    (entry,) = meet_models(["bag"])
    assert (entry.name, entry.builder) == ("bag", "kit:build")
    assert [task.name for task in meet_tasks(["duplicate", "sort"])] == ["duplicate", "sort"]
    with pytest.raises(Refused, match=r"^'dead' exits while it is imported"):
        meet_models(known_models())


def test_faulty_plug_in_is_named(install, write):
    write(
        kit=MODEL.format("other", "kit:build", False),
        lost=MODEL.format("lost", "kit:absent", False),
        data=MODEL.format("data", "kit:ENTRY", False),
    )
    points = {name: f"{name}:ENTRY" for name in ("lost", "data")}
    install("one", models={"kit": "kit:ENTRY", **points, "number": "math:pi", "rnn": "kit:ENTRY"})
    install("two", models={"twin": "kit:ENTRY"})
    install("three", models={"twin": "lost:ENTRY"})
    for name, message in {
        "kit": "cannot be imported: ValueError: kit:ENTRY must have the name of its entry point",
        "lost": "cannot be imported: ValueError: module 'kit' has no attribute 'absent'",
        "data": "leads to kit:ENTRY, which cannot be called",
        "number": "cannot be imported: ValueError: math:pi is not a ModelEntry but float",
        "rnn": "is the name of several: the suite, kit:ENTRY; uninstall one",
        "twin": "is the name of several: kit:ENTRY, lost:ENTRY; uninstall one",
    }.items():
        with pytest.raises(Refused) as caught:
            meet_models([name])
        assert str(caught.value).startswith(f"'{name}' {message}")
