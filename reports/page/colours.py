"""Colours of the page in light and dark, and of models, with enough contrast on either."""

from collections.abc import Iterable

from reports.selection.looks import LineStyle

# Text on `bg` and `paper` has a contrast of 4.5 at least, an edge 3 (WCAG 2.2, AA).
PALETTES: dict[str, dict[str, str]] = {
    "light": {
        "bg": "#ffffff",
        "paper": "#f4f6f8",
        "ink": "#191d22",
        "muted": "#545c66",
        "grid": "#dfe3e8",
        "edge": "#7a838d",
        "accent": "#0a5aa8",
        "on-accent": "#ffffff",
        "wrong": "#a8071a",
        "wrong-bg": "#fde7e9",
        "mark": "#ffd65c",
        "on-mark": "#191d22",
        "published": "#8b929a",
    },
    "dark": {
        "bg": "#14171b",
        "paper": "#1e2329",
        "ink": "#eceff2",
        "muted": "#aeb6bf",
        "grid": "#343b43",
        "edge": "#87919c",
        "accent": "#82bbf7",
        "on-accent": "#0d1117",
        "wrong": "#ffa3ab",
        "wrong-bg": "#4b1d24",
        "mark": "#f2c230",
        "on-mark": "#14171b",
        "published": "#8b929a",
    },
}
# A line is wide and has marks; its colour need not have the contrast of text.
LEAST = {"light": 3.0, "dark": 4.0}
# Shades of one series, as of budgets or sizes, from little to much.
SERIES = ("#E69F00", "#CC5A00", "#8F3F97", "#00417F", "#18A07F", "#0D0D0D")


def contrast(one: str, other: str) -> float:
    """Compute the contrast of two colours, 1 to 21.

    Source: WCAG 2.2, definition of contrast ratio.
    """
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [each / 255 for each in _channels(colour)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return sum(share * each for share, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def readable(colour: str, *, mode: str) -> str:
    """Darken or lighten a colour until it stands out from the page, and no further."""
    background, target = PALETTES[mode]["bg"], 0 if mode == "light" else 255
    for step in range(101):
        mixed = [round(each + (target - each) * step / 100) for each in _channels(colour)]
        found = "#" + "".join(f"{each:02x}" for each in mixed)
        if contrast(found, background) >= LEAST[mode]:
            break
    return found


def variables(looks: Iterable[LineStyle]) -> dict[str, dict[str, str]]:
    """List the CSS variables of both modes: the palette, `m0` of a model, `s0` of a series."""
    named = {f"m{place}": look.colour for place, look in enumerate(looks)}
    named |= {f"s{place}": colour for place, colour in enumerate(SERIES)}
    return {
        mode: palette | {name: readable(colour, mode=mode) for name, colour in named.items()}
        for mode, palette in PALETTES.items()
    }
