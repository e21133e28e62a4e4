"""Named sets of defaults for the command line; a flag given overrides its part. No torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """Defaults of one preset.

    Attributes:
        name: Name at the command line.
        summary: What it is for and what it costs.
        lengths: Text of `--lengths`.
        tasks: Names of the tasks.
        seeds: Number of seeds.
        hidden: State size.
        budget: Updates per stage at most.
    """

    name: str
    summary: str
    lengths: str
    tasks: tuple[str, ...]
    seeds: int
    hidden: int
    budget: int


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="quick",
            summary="a first look: one seed, short lengths, copy and reverse",
            lengths="10..40",
            tasks=("copy", "reverse"),
            seeds=1,
            hidden=64,
            budget=1800,
        ),
        Preset(
            name="default",
            summary="the published matrix: lengths 10 to 200, three tasks, three seeds",
            lengths="10..200",
            tasks=("copy", "reverse", "sort"),
            seeds=3,
            hidden=64,
            budget=7000,
        ),
        Preset(
            name="paper",
            summary="for a publication: five seeds, twice the state, four times the budget",
            lengths="10..200",
            tasks=("copy", "reverse", "sort"),
            seeds=5,
            hidden=128,
            budget=28000,
        ),
    )
}
