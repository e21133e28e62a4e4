"""F27: names that look alike are told apart in every figure."""

import pytest
from matplotlib.text import Text

from reports import figures
from reports.drawing import style
from tests.reports.legibility import LONG_NAME, check_legible, drawn
from tests.rows import SYMBOLS, cost_rows, curve_rows, probe_tables, write_folder

# Alike at a glance: at their end, in their middle and in case, after the same start; in letters
# that no font has; in what nobody sees; and as lines of the figure that are no models.
ALIKE = (
    *(f"{LONG_NAME}_{end}" for end in "12A"),
    *(LONG_NAME.replace("long" * 3, f"long{letter}", 1) for letter in "xy"),
    *("🍎", "🍏", "שלום", "a\u202eb", "chance", "chance_accuracy"),
)


@pytest.mark.fault("F27")
@pytest.mark.parametrize("tasks", [("copy",), (f"{LONG_NAME}_1", f"{LONG_NAME}_2", "<b>")])
def test_names_that_look_alike_are_told_apart_in_every_figure(
    tasks, tmp_path, monkeypatch, reached
):
    kept = []
    monkeypatch.setattr(figures, "rendered", lambda figure, kind: kept.append(figure) or b"")
    monkeypatch.setattr(style, "DOTS_PER_INCH", 100)
    models = ALIKE if tasks == ("copy",) else ("rnn", ALIKE[0])
    for task in tasks:
        monkeypatch.setitem(SYMBOLS, task, 16)
    rows = curve_rows(tasks=tasks, models=models, seeds=(0,), lengths=(4, 8))
    timings = cost_rows(models=models, lengths=(4, 20))
    folder = write_folder(tmp_path / "r", rows, throughput=timings, tables=probe_tables)
    names = drawn(folder, tmp_path / "out")
    positions = {name for name in names if name.startswith("positions")}
    assert len(positions) == len(tasks)
    assert {"accuracy", "throughput", "influence"} <= names
    reached(injected=len(models) * len(kept))
    for figure in kept:
        check_legible(figure, caption_lines=2 if len(tasks) == 1 else 4)
        for legend in figure.legends:
            labels = [text.get_text() for text in legend.get_texts()]
            assert len(set(labels)) == len(labels)
            assert not labels or len(labels) >= len(models)
        ends = [text.get_text() for text in figure.findobj(Text) if text.get_gid() == "end"]
        assert len(set(ends)) == len(ends)
        titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
        assert len(set(titles)) == len(titles)
