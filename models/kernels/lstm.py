"""An LSTM layer that looks its inputs up, by `lstm.c`: torch's layer, but for rounding."""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from models.kernels.library import LANES, is_ready, load_library

_GATES = 4
_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


class Packed(NamedTuple):
    """The weights of a layer as the loops need them, and as they are, for their gradients.

    Units are padded to whole registers. One entry of each list belongs to a direction.
    """

    tables: list[Float[Tensor, "symbols gates"]]  # W x + bias of every symbol x.
    columns: list[Tensor]  # The recurrent weights, as `lstm_forward` reads them.
    rows: list[Float[Tensor, "gates units"]]  # The same, as `lstm_backward` reads them.
    parameters: list[Tensor]  # The embeddings, then the weights of each direction.


def can_be_compiled(layer: nn.RNNBase, embedding: nn.Embedding) -> bool:
    """Say whether the loops can stand in for `layer(embedding(symbols))`."""
    return (
        type(layer) is nn.LSTM
        and type(embedding) is nn.Embedding
        # A hook wants to see the embeddings of the items, which are never made here.
        and not embedding._forward_hooks
        and layer.num_layers == 1
        and layer.weight_hh_l0.device.type == "cpu"
        and layer.weight_hh_l0.dtype == embedding.weight.dtype == torch.float32
        and is_ready()
    )


@torch.no_grad()
def pack(layer: nn.LSTM, embedding: nn.Embedding) -> Packed:
    """Prepare the weights of a layer, once for all the items that it reads."""
    packed = Packed([], [], [], [embedding.weight])
    for end in ("", "_reverse") if layer.bidirectional else ("",):
        own = [getattr(layer, f"{name}{end}") for name in _NAMES]
        weight, recurrent, *biases = own
        table = functional.linear(embedding.weight, weight, biases[0] + biases[1])
        rows = _by_lanes(_padded(recurrent), dim=0)
        packed.tables.append(_by_lanes(table, dim=1))
        packed.columns.append(rows.unflatten(0, (-1, _GATES * LANES)).transpose(1, 2).contiguous())
        packed.rows.append(rows)
        packed.parameters.extend(own)
    return packed


def _padded(array: Tensor) -> Tensor:
    missing = -array.shape[-1] % LANES
    return functional.pad(array, (0, missing)) if missing else array


def _by_lanes(array: Tensor, *, dim: int) -> Tensor:
    """Order an axis, which is gate by gate, as `lstm.c` has it."""
    gates = _padded(array.movedim(dim, -1).unflatten(-1, (_GATES, -1)))
    ordered = gates.unflatten(-1, (-1, LANES)).transpose(-3, -2).flatten(-3)
    return ordered.movedim(-1, dim).contiguous()


def _by_gates(array: Float[Tensor, "... gates"], units: int) -> Tensor:
    """Order the last axis gate by gate again, without what was padded."""
    gates = array.unflatten(-1, (-1, _GATES, LANES)).transpose(-3, -2).flatten(-2)
    return gates[..., :units].flatten(-2)


def run(
    packed: Packed,
    symbols: Int[Tensor, "batch items"],
    first: tuple[Tensor, Tensor] | None,
    *,
    units: int,
) -> tuple[Float[Tensor, "batch items states"], tuple[Tensor, Tensor]]:
    """Give the states of all items, the directions side by side, and the last state and cell.

    Args:
        packed: The weights.
        symbols: What is read.
        first: State and cell before the first item, each directions x batch x units; None is 0.
        units: Of one direction.
    """
    count, padded = len(packed.tables), packed.rows[0].shape[1]
    if first is None:
        zero = packed.tables[0].new_zeros(count, len(symbols), padded)
        first = zero, zero
    states0, cells0 = (_padded(each).contiguous() for each in first)
    states, last_cells = _Lstm.apply(
        symbols.long().contiguous(), packed, states0, cells0, *packed.parameters
    )
    if units < padded:
        states = states.unflatten(2, (count, padded))[..., :units].flatten(2)
        last_cells = last_cells[..., :units]
    last = states[:, -1:, :units]
    if count == 2:  # The second direction has read everything when it is at the first item.
        last = torch.cat((last, states[:, :1, units:]), dim=1)
    return states, (last.transpose(0, 1), last_cells)


class _Lstm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        symbols: Tensor,
        packed: Packed,
        states0: Tensor,
        cells0: Tensor,
        *parameters: Tensor,
    ) -> Any:
        count, batch, units = states0.shape
        items = symbols.shape[1]
        states = states0.new_empty(batch, items, count * units)
        cells = states0.new_empty(count, batch, items, units)
        has_gates = any(ctx.needs_input_grad)
        gates = states0.new_empty(count if has_gates else 0, batch, items, _GATES * units)
        for index in range(count):
            arrays = (packed.tables[index], symbols, packed.columns[index])
            before = (states0[index], cells0[index])
            is_outside = load_library().lstm_forward(
                *(array.data_ptr() for array in (*arrays, *before)),
                states[..., index * units :].data_ptr(),
                cells[index].data_ptr(),
                gates[index].data_ptr() if has_gates else None,
                *(len(packed.tables[index]), batch, items, units, count * units, index),
            )
            if is_outside:
                raise IndexError("index out of range in self")  # As an embedding says.
        if has_gates:
            ctx.packed = packed
            ctx.save_for_backward(symbols, states0, cells0, states, cells, gates)
        last = cells[:, :, -1:]
        if count == 2:
            last = torch.cat((last[:1], cells[1:, :, :1]))
        return states, last.squeeze(2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slopes: Tensor, cell_slopes: Tensor) -> Any:
        symbols, states0, cells0, states, cells, gates = ctx.saved_tensors
        packed: Packed = ctx.packed
        count, batch, units = states0.shape
        items = symbols.shape[1]
        slopes, cell_slopes = slopes.contiguous(), cell_slopes.clone()
        state_slopes, gate_slopes = torch.zeros_like(states0), torch.empty_like(gates[0])
        embeddings, *parameters = packed.parameters
        of_embeddings, of_parameters = torch.zeros_like(embeddings), []
        for index in range(count):
            table_slopes = torch.zeros_like(packed.tables[index])
            given = (symbols, packed.rows[index], cells0[index], cells[index], gates[index])
            found = (gate_slopes, state_slopes[index], cell_slopes[index], table_slopes)
            load_library().lstm_backward(
                *(array.data_ptr() for array in given),
                slopes[..., index * units :].data_ptr(),
                *(array.data_ptr() for array in found),
                *(batch, items, units, count * units, index),
            )
            own = states[..., index * units : (index + 1) * units]
            first = states0[index].unsqueeze(1)
            before = torch.cat((own[:, 1:], first) if index else (first, own[:, :-1]), dim=1)
            recurrent = before.flatten(0, 1).t() @ gate_slopes.flatten(0, 1)
            weight = parameters[4 * index]
            size = weight.shape[0] // _GATES
            table = _by_gates(table_slopes, size)
            of_embeddings.addmm_(table, weight)
            bias = table.sum(0)
            recurrent = _by_gates(recurrent, size)[:size].t()
            of_parameters += [table.t() @ embeddings, recurrent, bias, bias]
        return None, None, state_slopes, cell_slopes, of_embeddings, *of_parameters
