"""How names, lengths and commands are written wherever people read them."""

import os
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

MOST_COLUMNS = 60
NEVER_IN_A_NAME = "\n"
_GAP = "…"
# Letters, by their category, that nobody sees.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)


def told_apart(
    names: Iterable[str],
    *,
    most: int = MOST_COLUMNS,
    shows: Callable[[str], bool] = str.isprintable,
    taken: Iterable[str] = (),
) -> dict[str, str]:
    """Write each name as plain text of a few columns, so that no two of them look alike.

    Long names lose their middle, or the parts around the place where they differ. Names that
    would still look alike are numbered.

    Args:
        most: Columns of a name, of which a Korean letter takes two.
        shows: Whether a character can be seen. The others are written as escapes.
        taken: Texts that no name may look like.
    """
    whole = {name: escaped(name, shows=shows) for name in sorted(set(names))}
    texts = {name: _shortened(text, most) for name, text in whole.items()}
    # The second time of those that still look alike, which may differ further on.
    for _ in range(2):
        for alike in _alike(texts):
            place = _first_difference([whole[name] for name in alike])
            texts |= {name: _shortened(whole[name], most, around=place) for name in alike}
    seen = {*map(_look, taken)}
    for name, text in texts.items():
        number, mark = 1, ""
        while _look(f"{text}{mark}") in seen:
            number += 1
            mark = f" #{number}"
            text = _shortened(texts[name], most - len(mark))
        texts[name] = f"{text}{mark}"
        seen.add(_look(texts[name]))
    return texts


def escaped(text: str, *, shows: Callable[[str], bool] = str.isprintable) -> str:
    """Write what cannot be seen, such as control characters, as escapes."""
    return "".join(
        each if shows(each) else each.encode("unicode_escape").decode("ascii") for each in text
    )


def markdown(text: str) -> str:
    """Write text for a cell of a Markdown table, in which no letter of it is markup."""
    return re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", text)


def columns_of(text: str) -> int:
    """Count the columns of a screen that a text takes."""
    return sum(map(_columns, text))


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _look(text: str) -> str:
    """Map texts that look the same to one."""
    return " ".join(_UNSEEN.sub("", unicodedata.normalize("NFKC", text)).split())


def _alike(texts: dict[str, str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name, text in texts.items():
        groups.setdefault(_look(text), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def _first_difference(texts: Sequence[str]) -> int:
    return next(
        (place for place, letters in enumerate(zip(*texts, strict=False)) if len({*letters}) > 1),
        min(map(len, texts)),
    )


def _shortened(text: str, most: int, *, around: int | None = None) -> str:
    """Cut out the middle, or what is far from a place, the start and the end."""
    if columns_of(text) <= most:
        return text
    if around is None:
        end = (most - 1) // 2
        return f"{_first(text, most - 1 - end)}{_GAP}{_last(text, end)}"
    part = (most - 2) // 3
    end_text = _last(text, part)
    middle = text[around : len(text) - len(end_text)]
    return f"{_first(text, part)}{_GAP}{_first(middle, part)}{_GAP}{end_text}"


def _first(text: str, most: int) -> str:
    """Take as many letters as fit into some columns."""
    end, used = 0, 0
    while end < len(text) and (used := used + _columns(text[end])) <= most:
        end += 1
    return text[:end]


def _last(text: str, most: int) -> str:
    return _first(text[::-1], most)[::-1]


def spans(numbers: Iterable[int], *, grid: Sequence[int]) -> str:
    """Write numbers with neighbours of the grid together: `10, 40..60`."""
    places = sorted(grid.index(number) for number in set(numbers))
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return ", ".join(
        f"{grid[run[0]]}..{grid[run[-1]]}"
        if len(run) > 2
        else ", ".join(str(grid[at]) for at in run)
        for run in runs
    )


def shown_command(module: str, *arguments: object) -> str:
    """Write a command of ours in one line that a shell reads as it is meant."""
    return " ".join(["python -m", module, *map(_quoted, arguments)])


def _quoted(argument: object) -> str:
    text = str(argument)
    if isinstance(argument, Path) and text.startswith("-"):
        text = f"./{text}"  # Else it is read as an option.
    if text.isprintable():
        return shlex.quote(text)
    # Line breaks, and bytes that are no text; by their bytes, as bash and zsh read them.
    escaped = (
        each.replace("\\", "\\\\").replace("'", "\\'")
        if each.isprintable()
        else "".join(f"\\x{byte:02x}" for byte in os.fsencode(each))
        for each in text
    )
    return f"$'{''.join(escaped)}'"
