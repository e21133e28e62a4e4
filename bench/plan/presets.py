"""Named experiments and their defaults; a flag given overrides its part of each. No torch."""

from dataclasses import dataclass

from tasks import TASKS


@dataclass(frozen=True)
class Part:
    """Tasks x models of one size.

    Attributes:
        tasks: Names of the tasks.
        models: Names of the models; None for those of the default matrix.
        hidden: State size.
        encoder: Direction of the encoder.
        symbols: Alphabet size; None for the one of each task.
    """

    tasks: tuple[str, ...] = tuple(TASKS)
    models: tuple[str, ...] | None = None
    hidden: int = 64
    encoder: str = "bi"
    symbols: int | None = None


@dataclass(frozen=True)
class Preset:
    """An experiment.

    Attributes:
        name: Name at the command line.
        summary: What it is for and what it costs.
        lengths: Text of `--lengths`.
        seeds: Number of seeds.
        budget: Updates per stage at most.
        parts: What is trained at these lengths.
        measures_throughput: Whether throughput is measured at the end.
    """

    name: str
    summary: str
    lengths: str
    seeds: int
    budget: int = 7000
    parts: tuple[Part, ...] = (Part(),)
    measures_throughput: bool = True


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="quick",
            summary="a first look: one seed, short lengths, copy and reverse",
            lengths="10..40",
            seeds=1,
            budget=1800,
            parts=(Part(tasks=("copy", "reverse")),),
        ),
        Preset(
            name="default",
            summary="the published matrix: lengths 10 to 200, three tasks, three seeds",
            lengths="10..200",
            seeds=3,
        ),
        Preset(
            name="paper",
            summary="for a publication: five seeds, twice the state, four times the budget",
            lengths="10..200",
            seeds=5,
            budget=28000,
            parts=(Part(hidden=128),),
        ),
        Preset(
            name="claims",
            summary="what the verdicts on the five claims need, five seeds",
            lengths="10..100",
            seeds=5,
            parts=(
                Part(
                    models=(
                        "rnn-aligned",
                        "seq2seq",
                        "seq2seq+uniform",
                        "seq2seq+dot",
                        "seq2seq+additive",
                    )
                ),
                Part(tasks=("copy", "reverse"), models=("seq2seq",), encoder="uni"),
            ),
            measures_throughput=False,
        ),
        Preset(
            name="capacity",
            summary="carried bits by size of the state and of the alphabet, five seeds",
            lengths="10..80",
            seeds=5,
            parts=tuple(
                Part(
                    tasks=("copy",),
                    models=("seq2seq", "seq2seq+dot"),
                    hidden=hidden,
                    symbols=symbols,
                )
                for hidden in (32, 64, 128)
                for symbols in (4, 16, 64)
            ),
            measures_throughput=False,
        ),
    )
}
