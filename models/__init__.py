"""The models of the matrix: recurrent networks and their challengers. Imports no torch.

Read `seq2seq.py` first: it puts an encoder, a decoder and one kind of attention together. Then
`decoder.py`, which uses the attention, and `attention/layers.py`, the kinds of it. `channel.py` can
lie between encoder and decoder, `rnn.py` has no encoder, `causal/` has Transformers and state-space
models, `kernels/` loops in C. `interface.py` says what a model of your own has to offer.
"""

from models.entry import ModelEntry
from tasks.import_path import load_plug_in

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
        ModelEntry(
            name="seq2seq+location",
            summary="the same, with a window on the source that walks by a bounded, learned step",
            builder="models.seq2seq:build_location",
            attends=True,
        ),
        ModelEntry(
            name="seq2seq+channel",
            summary="seq2seq whose state passes through k noisy numbers: a known capacity",
            builder="models.seq2seq:build_channel",
            reads=("channel_numbers", "channel_snr"),
        ),
        ModelEntry(
            name="seq2seq+dot+channel",
            summary="the same with attention, whose memory passes beside the channel",
            builder="models.seq2seq:build_dot_channel",
            attends=True,
            reads=("channel_numbers", "channel_snr"),
        ),
        ModelEntry(
            name="seq2seq+signs",
            summary="seq2seq whose state passes through k signs: k bits",
            builder="models.seq2seq:build_signs",
            reads=("channel_numbers",),
        ),
        ModelEntry(
            name="transformer",
            summary="a Transformer reads the source, then its own outputs; rotary positions",
            builder="models.causal.transformer:build",
            relative_cost=4.0,
        ),
        ModelEntry(
            name="transformer-alibi",
            summary="the same, with a penalty on distance instead of positions",
            builder="models.causal.transformer:build_alibi",
            relative_cost=5.0,
        ),
        ModelEntry(
            name="transformer-nope",
            summary="the same, without positions",
            builder="models.causal.transformer:build_nope",
            relative_cost=4.0,
        ),
        ModelEntry(
            name="mamba2",
            summary="the same, with state-space layers, whose state decays",
            builder="models.causal.mamba2:build",
            relative_cost=10.0,
        ),
        ModelEntry(
            name="gated-deltanet",
            summary="the same, with layers whose state decays and is corrected",
            builder="models.causal.gated_deltanet:build",
            relative_cost=7.5,
        ),
        ModelEntry(
            name="minlstm",
            summary="the same, with recurrent layers whose gates see only the input",
            builder="models.causal.minlstm:build",
            relative_cost=3.0,
        ),
    )
}


def find_model(name: str) -> ModelEntry:
    """Find a model by its name or by its builder, `module:function`; import a plug-in's entry.

    Raises:
        KeyError: There is no such model.
        Exception: Whatever the plug-in raises.
    """
    if name in MODELS:
        return MODELS[name]
    if ":" in name:
        return ModelEntry(name=name, summary=f"built by {name}", builder=name)
    return load_plug_in(ENTRY_POINT_GROUP, name, ModelEntry)
