"""Descriptions, import paths and plug-ins."""

from dataclasses import replace

import pytest
import torch

from tasks import TASKS
from tasks.import_path import code_hash, require_no_clash, resolve
from tasks.sampling import sample_batch
from tasks.task import same_length
from tests.tasks.twins import broken


def test_a_description_is_validated():
    for field, value, rule in (
        ("name", "Copy it", r"'Copy it' is not a task name; write lower case"),
        ("summary", "", r"must be one line of text, got ''"),
        ("summary", "a\nb", r"must be one line of text, got 'a\\nb'"),
        ("summary", "a\x1b[2J\ud800", r"must be one line of text, got 'a\\x1b"),
        ("default_symbols", 1, r"must be at least 2, got 1"),
        ("version", 0, r"must be at least 1, got 0"),
        ("transform", "sort", r"'sort' is not of the form package.module:attribute"),
        ("output_length", "a:b:c", r"'a:b:c' is not of the form"),
    ):
        with pytest.raises(ValueError, match=f"^{field}: {rule}"):
            replace(TASKS["copy"], **{field: value})


def test_sizes_are_validated():
    task = TASKS["copy"]
    for number in ("target_bits", "constant_accuracy", "repeat_accuracy", "ceiling_accuracy"):
        with pytest.raises(ValueError, match=r"^length: must be at least 1, got 0$"):
            getattr(task, number)(0, 16)
        with pytest.raises(ValueError, match=r"^symbols: must be at least 2, got 1$"):
            getattr(task, number)(10, 1)
    with pytest.raises(ValueError, match=r"^length: must be at least 1, got 0$"):
        task.target_length(0)
    with pytest.raises(ValueError, match=r"^output_length: must be at least 1 at length 6, got 0$"):
        some_batch(broken("copy", output_length="nothing"))


def some_batch(task):
    generator = torch.Generator().manual_seed(0)
    return sample_batch(task, generator, batch_size=8, length=6, symbols=5, split="train")


@pytest.mark.fault("F22")
def test_source_stays_as_drawn_whatever_the_task_does_to_it():
    source = some_batch(TASKS["sort"]).source
    in_place = {"transform": "sort_in_place", "alignment": "first_of_equals_in_place"}
    batch = some_batch(broken("sort", **in_place))
    assert torch.equal(batch.source, source)
    assert torch.equal(batch.target, source.sort(dim=1).values)
    broken("sort", **in_place).align(batch.source)
    assert torch.equal(batch.source, source)
    itself = some_batch(broken("copy", transform="copy_itself"))
    assert itself.target.data_ptr() != itself.source.data_ptr()


@pytest.mark.fault("F22")
@pytest.mark.parametrize(
    ("transform", "got"),
    [
        ("one_item_less", r"with shape \(8, 6\) as torch.int64, got \(8, 5\) as torch.int64"),
        ("as_bytes", r"with .*int64, got \(8, 6\) as torch.uint8"),
        ("as_list", r"with .*int64, got \(\) as list"),
        ("left_out", "with ids from 0 to 4, got -100 to 4"),
        ("shifted_symbols", "with ids from 0 to 4, got 1 to 5"),
    ],
)
def test_answers_that_are_no_target_are_refused(transform, got):
    with pytest.raises(ValueError, match=f"^transform: must answer {got}$"):
        some_batch(broken("copy", transform=transform))


@pytest.mark.fault("F22")
@pytest.mark.parametrize(
    ("field", "value", "got"),
    [
        ("information", "not_a_number", "from 0 to 12 at length 6, got nan"),
        ("information", "below_nothing", "from 0 to 12 at length 6, got -0.001"),
        ("information", "too_much", "from 0 to 12 at length 6, got 12.012"),
        ("constant", "in_percent", "from 0 to 1 at length 6, got 25"),
        ("repeat", "below_nothing", "from 0 to 1 at length 6, got -0.001"),
        ("causal_ceiling", "not_a_number", "from 0 to 1 at length 6, got nan"),
    ],
)
def test_numbers_that_a_task_cannot_have_are_refused(field, value, got):
    task = broken("copy", **{field: value})
    numbers = ("target_bits", "constant_accuracy", "repeat_accuracy", "ceiling_accuracy")
    fields = ("information", "constant", "repeat", "causal_ceiling")
    with pytest.raises(ValueError, match=f"^{field}: must be {got}"):
        getattr(task, numbers[fields.index(field)])(6, 4)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("tasks.task", "reference: 'tasks.task' is not of the form package.module:attribute"),
        ("absent_package.one:sort", "No module named 'absent_package'"),
        ("lacking_one:task", "No module named 'absent_dependency'"),
        (
            "tasks.transforms:sorted_",
            "module 'tasks.transforms' has no attribute 'sorted_'; did you mean 'sort'",
        ),
    ],
)
def test_resolve_names_what_is_wrong(reference, message, tmp_path, monkeypatch):
    (tmp_path / "lacking_one.py").write_text("import absent_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve("tasks.task:same_length") is same_length
    with pytest.raises((ValueError, ImportError), match=f"^{message}"):
        resolve(reference)


def test_files_behind_a_reference_are_hashed(tmp_path, monkeypatch):
    """Every file that it imports from beside it counts, wherever the import statement is."""
    monkeypatch.syspath_prepend(tmp_path)
    sources = {
        "mine.py": "import torch, near\ndef build(config):\n    from kit.inner import late",
        "near.py": "",
        "kit/__init__.py": "from . import parts",
        "kit/parts.py": "",
        "kit/inner/late.py": "from ..other import thing",  # A package without __init__.py.
        "kit/other.py": "this is no Python",
        "unrelated.py": "",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    first = code_hash("mine:build")
    assert code_hash("mine:other", "tasks.transforms:copy") == first
    assert code_hash("models.rnn:build_rnn", "tasks.transforms:copy", "absent:build") is None
    for name in sources:
        (tmp_path / name).write_text(f"{sources[name]}\n# edited", encoding="utf-8")
        assert (code_hash("mine:build") == first) == (name == "unrelated.py"), name
        (tmp_path / name).write_text(sources[name], encoding="utf-8")
    assert code_hash("mine:build") == first


@pytest.mark.fault("F20")
@pytest.mark.parametrize(
    ("reference", "files", "hidden"),
    [
        ("models.recurrent:build", {"models/recurrent.py": ""}, "models/recurrent.py"),
        ("tasks:build", {"tasks.py": ""}, "tasks.py"),
        ("mine:build", {"mine.py": "import results", "results/__init__.py": ""}, "results/__in"),
        ("mine:build", {"mine.py": "from bench import run", "bench/run.py": ""}, "bench/run.py"),
        ("kit.a:b", {"kit/a.py": "from .c import x", "kit/c.py": "import tasks.task"}, None),
        ("kit.a:b", {"kit/a.py": "import models", "models/weights.pt": ""}, None),
        ("kit.a:b", {"kit/a.py": "from models.config import X", "models/mine.py": ""}, None),
        ("kit.a:b", {"kit/a.py": "from kit.models import X", "kit/models/__init__.py": ""}, None),
    ],
)
def test_module_that_the_suite_would_hide_is_refused(
    reference, files, hidden, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    if hidden is None:
        require_no_clash(reference)
        return
    with pytest.raises(ValueError, match=f"{hidden}.*is hidden by a package of the suite"):
        require_no_clash(reference)
