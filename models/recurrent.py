"""The one recurrent layer that every model uses, and its initialisation."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.config import ModelConfig
from models.kernels import lstm

RecurrentState = Tensor | tuple[Tensor, Tensor]
"""Layers x batch x hidden; an LSTM has the pair (h, c)."""

Read = Callable[[Tensor, RecurrentState | None], tuple[Tensor, RecurrentState]]
"""From symbols, batch x items, and the state before them to the states of all, and the last."""

_LAYERS: dict[str, Callable[..., nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "tanh": nn.RNN}
_GATES = {"lstm": 4, "gru": 3, "tanh": 1}
_STATE_VECTORS = {"lstm": 2, "gru": 1, "tanh": 1}  # An LSTM has h and c.


def build_recurrent(config: ModelConfig, *, bidirectional: bool = False) -> nn.RNNBase:
    """Build a recurrent layer from embeddings to states, batch first.

    A bidirectional layer has half the state per direction, so that its output, the two
    directions side by side, is as wide as a one-way layer's: no encoder gets a larger state.
    """
    layer = _LAYERS[config.cell](
        config.embedding,
        config.hidden // 2 if bidirectional else config.hidden,
        num_layers=layers_of(config),
        batch_first=True,
        bidirectional=bidirectional,
    )
    _initialise(layer, cell=config.cell)
    return layer


def layers_of(config: ModelConfig) -> int:
    """Count the recurrent layers, each over the states of the one below it."""
    return config.layers or 1


@torch.no_grad()
def _initialise(layer: nn.RNNBase, *, cell: str) -> None:
    """Make recurrent weights orthogonal, input weights Xavier uniform, biases 0, forget bias 1.

    Source: Saxe et al. 2014, arXiv:1312.6120 (orthogonal); Glorot and Bengio 2010, equation 16
    (Xavier); Jozefowicz et al. 2015, ICML (forget bias).
    """
    for name, parameter in layer.named_parameters():
        # Gate by gate, because torch stacks an LSTM's four matrices into one of four times the
        # height, and an orthogonal stack is not four orthogonal matrices.
        if name.startswith("weight_hh"):
            for gate in parameter.chunk(_GATES[cell]):
                nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            for gate in parameter.chunk(_GATES[cell]):
                nn.init.xavier_uniform_(gate)
        else:
            parameter.zero_()
            if cell == "lstm" and name.startswith("bias_ih"):
                # An open forget gate lets gradients through long sequences from the start. torch
                # adds bias_ih and bias_hh, and orders the gates input, forget, cell, output.
                parameter.chunk(4)[1].fill_(1.0)


def reader(layer: nn.RNNBase, embedding: nn.Embedding) -> Read:
    """Prepare a layer for reading symbols, once for all the calls of a pass.

    Where it can be, an LSTM is run by loops in C. Elsewhere it is the library's layer.
    """
    if isinstance(layer, nn.LSTM) and lstm.can_be_compiled(layer, embedding):
        units, packed = layer.hidden_size, lstm.pack(layer, embedding)
        return lambda symbols, state: lstm.run(packed, symbols, _as_pair(state), units=units)
    return lambda symbols, state: layer(embedding(symbols), state)


def _as_pair(state: RecurrentState | None) -> tuple[Tensor, Tensor] | None:
    assert not isinstance(state, Tensor)  # An LSTM has the pair (h, c).
    return state


def join_directions(state: RecurrentState, *, layers: int) -> RecurrentState:
    """Lay the final states of a layer's directions side by side, as those of a one-way layer."""
    if isinstance(state, tuple):
        return _side_by_side(state[0], layers), _side_by_side(state[1], layers)
    return _side_by_side(state, layers)


def _side_by_side(
    state: Float[Tensor, "layers_and_directions batch part"], layers: int
) -> Float[Tensor, "layers batch hidden"]:
    return torch.cat(state.unflatten(0, (layers, -1)).unbind(1), dim=-1)


def state_size(config: ModelConfig) -> int:
    """Count the numbers of a state."""
    return _STATE_VECTORS[config.cell] * layers_of(config) * config.hidden


def state_numbers(state: RecurrentState) -> Float[Tensor, "batch numbers"]:
    """Lay all the numbers of a state in one row, h before c."""
    parts = state if isinstance(state, tuple) else (state,)
    return torch.cat([part.transpose(0, 1).flatten(1) for part in parts], dim=1)


def state_of(numbers: Float[Tensor, "batch numbers"], like: RecurrentState) -> RecurrentState:
    """Make a state from numbers laid out as by `state_numbers`; h is bounded as `like` is."""
    if isinstance(like, tuple):
        state, cell = (_by_layers(part, like[0]) for part in numbers.chunk(2, dim=1))
        return torch.tanh(state), cell
    return torch.tanh(_by_layers(numbers, like))


def _by_layers(
    numbers: Float[Tensor, "batch numbers"], like: Float[Tensor, "layers batch hidden"]
) -> Float[Tensor, "layers batch hidden"]:
    return numbers.unflatten(1, (len(like), -1)).transpose(0, 1).contiguous()


def recurrent_flops(layer: nn.RNNBase, steps: int) -> int:
    """Count the operations of the matrix products over `steps` items of one sequence."""
    products = sum(weight.numel() for name, weight in layer.named_parameters() if "weight" in name)
    return 2 * products * steps
