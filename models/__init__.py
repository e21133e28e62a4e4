"""The models of the matrix: recurrent networks with and without attention. Imports no torch.

Read `seq2seq.py` first: it puts an encoder, a decoder and one kind of attention together. Then
`decoder.py`, which uses the attention, and `attention/layers.py`, the kinds of it. `rnn.py` has the
networks without an encoder. `interface.py` says what a model of your own has to offer.
"""

from importlib.metadata import entry_points

from models.entry import ModelEntry

ENTRY_POINT_GROUP = "bottleneck_bench.models"

MODELS: dict[str, ModelEntry] = {
    entry.name: entry
    for entry in (
        ModelEntry(
            name="rnn",
            summary="one recurrent network reads the source, then its own outputs",
            builder="models.rnn:build_rnn",
            is_default=True,
        ),
        ModelEntry(
            name="rnn-aligned",
            summary="one recurrent network answers at once, y_t after x_1..x_t",
            builder="models.rnn:build_aligned",
            is_autoregressive=False,
            is_causal=True,
            answers_each_item=True,
        ),
        ModelEntry(
            name="seq2seq",
            summary="encoder and decoder; one fixed-size state passes between them",
            builder="models.seq2seq:build_plain",
            is_default=True,
        ),
        ModelEntry(
            name="seq2seq+dot",
            summary="the same, with attention scored by q.k",
            builder="models.seq2seq:build_dot",
            is_default=True,
            attends=True,
        ),
        ModelEntry(
            name="seq2seq+additive",
            summary="the same, with attention scored by v.tanh(W q + U k)",
            builder="models.seq2seq:build_additive",
            is_default=True,
            attends=True,
        ),
        ModelEntry(
            name="seq2seq+uniform",
            summary="the same, with attention that weighs all positions alike",
            builder="models.seq2seq:build_uniform",
            attends=True,
        ),
    )
}


def load_models() -> dict[str, ModelEntry]:
    """Collect `MODELS` and the entries that installed packages add.

    Raises:
        ValueError: An entry point of `bottleneck_bench.models` cannot be loaded, is not a
            `ModelEntry`, or takes a name that is taken.
    """
    models = dict(MODELS)
    # Sorted, because the order in which distributions are found differs between machines.
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda each: each.name):
        try:
            entry = point.load()
        except Exception as error:  # Loading it runs its author's code.
            raise ValueError(f"entry point {point.name}: cannot be loaded: {error}") from None
        if not isinstance(entry, ModelEntry):
            raise ValueError(f"entry point {point.name}: must be a ModelEntry, got {entry!r}")
        if entry.name in models:
            raise ValueError(f"entry point {point.name}: the name {entry.name!r} is taken")
        models[entry.name] = entry
    return models


def entry_from_reference(reference: str) -> ModelEntry:
    """Describe a model that is named at the command line by its builder, `module:function`."""
    return ModelEntry(name=reference, summary=f"built by {reference}", builder=reference)
