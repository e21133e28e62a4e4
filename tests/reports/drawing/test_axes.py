import matplotlib.pyplot as plt
import numpy as np
import pytest

from reports.drawing.axes import (
    byte_ticks,
    bytes_text,
    decimal_ticks,
    ends_of,
    number_text,
    number_texts,
    write_plainly,
)

MIB = 2.0**20


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([10, 200], [10, 20, 50, 100, 200]),
        ([9, 11], [5, 10, 20]),
        ([30], [20, 50]),
        ([10], [10, 20]),
        ([5e10, 2e14], [1e10, 1e11, 1e12, 1e13, 1e14, 1e15]),
        ([], [1, 10]),
    ],
)
def test_decimal_ticks_enclose_the_values(values: list[float], ticks: list[float]) -> None:
    assert decimal_ticks(np.array(values)) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([3 * MIB, 60 * MIB], [2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB, 32 * MIB, 64 * MIB]),
        ([MIB], [MIB, 2 * MIB]),
        ([5 * MIB], [4 * MIB, 8 * MIB]),
        ([MIB, 1024 * MIB], [MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB]),
        ([], [1, 2]),
    ],
)
def test_byte_ticks_are_powers_of_two_around_the_values(
    values: list[float], ticks: list[float]
) -> None:
    assert byte_ticks(np.array(values)) == ticks


@pytest.mark.parametrize("low", [1.0, 7.3, 1e6, 3.7e9])
@pytest.mark.parametrize("span", [1.0, 1.001, 3.0, 100.0, 1e7])
def test_an_axis_encloses_its_values_with_a_readable_number_of_ticks(
    low: float, span: float
) -> None:
    for ticks in (
        decimal_ticks(np.array([low, low * span])),
        byte_ticks(np.array([low, low * span])),
    ):
        bottom, top = ends_of(ticks)
        assert bottom < ticks[0] <= low * 1.0000001
        assert low * span <= ticks[-1] * 1.0000001 < top
        assert 2 <= len(ticks) <= 10
        assert ticks == sorted(set(ticks))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2 B"),
        (512 * 1024.0, "512 KiB"),
        (64 * MIB, "64 MiB"),
        (1.5 * MIB, "1.5 MiB"),
        (1024 * MIB, "1 GiB"),
        (2.0**61, "2048 PiB"),
    ],
)
def test_bytes_have_binary_units(value: float, text: str) -> None:
    assert bytes_text(value) == text


def test_many_ticks_side_by_side_are_named_at_decades_alone() -> None:
    few, many = [1e11, 2e11, 5e11, 1e12], [5e10, 1e11, 2e11, 5e11, 1e12, 2e12, 5e12]
    assert [number_texts(few)(tick) for tick in few] == ["100G", "200G", "500G", "1T"]
    assert [number_texts(many)(tick) for tick in many] == ["", "100G", "", "", "1T", "", ""]
    assert number_text(50.0) == "50"


@pytest.mark.parametrize(
    ("ends", "texts"),
    [((0.3, 4.0), {"0.5", "1", "2"}), ((0.001, 2.0), {"$\\mathdefault{10^{-2}}$"})],
)
def test_a_logarithmic_axis_is_written_in_few_characters(
    ends: tuple[float, float], texts: set[str]
) -> None:
    figure, axes = plt.subplots()
    axes.set_yscale("log")
    axes.set_ylim(*ends)
    write_plainly(axes.yaxis)
    figure.canvas.draw()
    written = {label.get_text() for label in axes.yaxis.get_ticklabels(which="both")} - {""}
    plt.close(figure)
    assert texts <= written
    assert not any("times" in text for text in written)
