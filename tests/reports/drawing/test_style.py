from itertools import combinations

import matplotlib
import numpy as np

from models import MODELS
from reports.drawing.style import (
    BASELINE_STYLES,
    MODEL_STYLES,
    styles_for,
    themed,
)

LEAST_LIGHTNESS_STEP = 8.0
LEAST_COLOUR_STEP = 18.0
# Machado, Oliveira and Fernandes 2009, IEEE TVCG 15(6), table 1, severity 1.0.
COLOUR_VISION = {
    "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def lab_of(colour, vision):
    """Return CIE L*a*b* (D65) of a colour, as seen with this colour vision."""
    srgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(COLOUR_VISION[vision]) @ linear, 0.0, 1.0)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ linear / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_models_stay_apart_in_grey_and_for_colour_blind_readers():
    for one, other in combinations(MODEL_STYLES.values(), 2):
        for vision in COLOUR_VISION:
            apart = np.linalg.norm(lab_of(one.colour, vision) - lab_of(other.colour, vision))
            assert apart >= LEAST_COLOUR_STEP, (one.label, other.label, vision)
        lightness = abs(lab_of(one.colour, "normal")[0] - lab_of(other.colour, "normal")[0])
        assert lightness >= LEAST_LIGHTNESS_STEP, (one.label, other.label)
        assert one.marker != other.marker
    for look in BASELINE_STYLES.values():
        assert len({look.colour[at : at + 2] for at in (1, 3, 5)}) == 1


def test_every_model_that_stands_in_one_figure_by_default_has_a_style():
    defaults = {name for name, entry in MODELS.items() if entry.is_default}
    assert defaults <= set(MODEL_STYLES) <= set(MODELS)


def test_unknown_models_follow_and_take_free_styles_that_differ():
    names = [f"plug-in-{number:02}" for number in range(20)]
    styles = styles_for([*names, *MODEL_STYLES])
    assert len({(style.colour, style.marker) for style in styles.values()}) == len(styles)
    assert list(styles) == [*MODEL_STYLES, *names]
    assert styles["plug-in-00"].label == "plug-in-00"
    assert styles["rnn"] == styles_for(["rnn"])["rnn"]


def test_the_theme_ends_with_its_block_and_overrides_local_settings():
    with matplotlib.rc_context({"axes.prop_cycle": "cycler('color', ['red'])", "font.size": 30}):
        with themed():
            assert "red" not in matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
            assert matplotlib.rcParams["font.size"] == 7.5
        assert matplotlib.rcParams["font.size"] == 30
