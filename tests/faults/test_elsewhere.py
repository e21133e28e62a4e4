"""F20, F24: commands beside files that are named as the suite's are, or change each Python."""

import pytest

from tests.commands import run
from tests.faults.fault_tools import ONE_RUN, complete, harm_of, planted

RAISES = "raise ImportError('not the suite')"
SURROUNDINGS = {
    # What a first run leaves, and what users have.
    "folders": {f"{name}/a.txt": "" for name in ("bench", "models", "results", "tasks")},
    "packages": {
        "tasks/__init__.py": RAISES,
        "models.py": RAISES,
        "results/__init__.py": RAISES,
        "reports.py": RAISES,
    },
}


@pytest.mark.fault("F20")
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_folder_of_the_command_hides_no_package(name, undisturbed, tmp_path, reached):
    """Neither from the command nor from its children, not even where a package is found first."""
    for file, text in SURROUNDINGS[name].items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    for said in ("To do: 1 model runs", "To do: no training, all of it is done"):
        status, output, errors = run(tmp_path / "out", *ONE_RUN)
        assert (status, said in output) == (0, True), (output, errors)
    harm_of(tmp_path / "out", undisturbed, of=ONE_RUN).report(reached, text=f"{name}: rows equal")


@pytest.mark.fault("F24")
def test_what_python_prints_as_it_starts_is_no_event(undisturbed, tmp_path, reached):
    """Clusters print notices in every process."""
    notice = planted(tmp_path, "print('{\"record\": 1}\\nMaintenance')")
    complete(tmp_path / "out", *ONE_RUN, before=notice)
    harm_of(tmp_path / "out", undisturbed, of=ONE_RUN).report(reached, text="a notice: rows equal")
