"""The loops of `lstm.c` against the layer of torch: values, gradients, and what is refused."""

import pytest
import torch
from torch import nn

from models import MODELS
from models.config import CELLS, ModelConfig
from models.kernels import library
from models.kernels.lstm import can_be_compiled, pack, run
from models.recurrent import reader
from tasks.import_path import resolve
from tests.models.checks import RECURRENT

pytestmark = pytest.mark.skipif(not library.is_ready(), reason="no C compiler")

SHAPES = {
    # Sequences, items, units of a direction, directions, symbols.
    "one item of one sequence": (1, 1, 16, 1, 3),
    "units that fill no register": (3, 7, 6, 2, 4),
    "units of two registers and a half": (7, 5, 40, 1, 5),
    "more sequences than are computed at a time": (11, 4, 64, 2, 17),
    "more units than columns at a time": (4, 3, 112, 1, 9),
    "long": (2, 300, 32, 2, 130),
}


def built(shape, *, scale=1.0):
    _, _, units, directions, symbols = SHAPES[shape]
    torch.manual_seed(1)
    embedding = nn.Embedding(symbols, 8)
    layer = nn.LSTM(8, units, batch_first=True, bidirectional=directions == 2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(scale)
    return embedding, layer


def inputs(shape):
    sequences, items, units, directions, symbols = SHAPES[shape]
    torch.manual_seed(2)
    first = [torch.randn(directions, sequences, units) for _ in range(2)]
    return torch.randint(symbols, (sequences, items)), first


def everything(read, parameters, shape):
    """States, the last state and cell, and the gradients of a sum of them all, as float64."""
    symbols, first = inputs(shape)
    first = [each.to(parameters[0].dtype).requires_grad_() for each in first]
    states, last = read(symbols, tuple(first))
    outputs = [states, *last]
    torch.manual_seed(3)
    loss = sum((each * torch.randn(each.shape).to(each.dtype)).sum() for each in outputs)
    slopes = torch.autograd.grad(loss, [*first, *parameters])
    return [each.detach().double() for each in (*outputs, *slopes)]


@pytest.mark.parametrize("scale", [1.0, 5.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_as_exact_as_torchs(shape, scale):
    embedding, layer = built(shape, scale=scale)
    parameters = [*embedding.parameters(), *layer.parameters()]

    def compiled(symbols, first):
        return run(pack(layer, embedding), symbols, first, units=layer.hidden_size)

    ours = everything(compiled, parameters, shape)
    torchs = everything(lambda symbols, first: layer(embedding(symbols), first), parameters, shape)
    exact_embedding, exact_layer = (each.double() for each in built(shape, scale=scale))
    exact = everything(
        lambda symbols, first: exact_layer(exact_embedding(symbols), first),
        [*exact_embedding.parameters(), *exact_layer.parameters()],
        shape,
    )
    for one, other, right in zip(ours, torchs, exact, strict=True):
        size = right.abs().max()
        assert (one - right).abs().max() <= 4 * (other - right).abs().max() + 2e-7 * size


def test_without_a_first_state_it_begins_at_zero():
    embedding, layer = built("units that fill no register")
    symbols, first = inputs("units that fill no register")
    zeros = tuple(torch.zeros_like(each) for each in first)
    packed = pack(layer, embedding)
    begun, beginning = (run(packed, symbols, each, units=6)[0] for each in (None, zeros))
    assert torch.equal(begun, beginning)


@pytest.mark.parametrize("size", [30.0, 1e4])
def test_saturated_gates_are_finite_and_as_torchs(size):
    embedding, layer = built("units of two registers and a half", scale=size)
    parameters = [*embedding.parameters(), *layer.parameters()]
    symbols, first = inputs("units of two registers and a half")
    states, (_, cells) = run(pack(layer, embedding), symbols, tuple(first), units=40)
    expected, (_, expected_cells) = layer(embedding(symbols), tuple(first))
    # At a scale of 30 a sum of the size of a gate is rounded to a millionth of hundreds.
    torch.testing.assert_close(states, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(cells, expected_cells, atol=1e-4, rtol=1e-4)
    slopes = torch.autograd.grad(states.sum(), parameters)
    assert all(each.isfinite().all() for each in slopes)


def test_what_is_no_number_stays_none():
    embedding, layer = built("units that fill no register")
    with torch.no_grad():
        embedding.weight[2, 0] = torch.nan
    states, _ = run(pack(layer, embedding), torch.tensor([[0, 2, 1], [0, 1, 1]]), None, units=6)
    assert states[0, 1:, :6].isnan().all()
    assert states[1].isfinite().all()


def test_graph_can_be_walked_again():
    embedding, layer = built("more sequences than are computed at a time")
    symbols, _ = inputs("more sequences than are computed at a time")
    states, _ = run(pack(layer, embedding), symbols, None, units=64)
    loss, parameters = states.square().sum(), [*layer.parameters(), embedding.weight]
    first, second = (torch.autograd.grad(loss, parameters, retain_graph=True) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))


@pytest.mark.parametrize("symbol", [-1, 4, 2**40])
def test_symbol_without_a_row_is_refused(symbol):
    embedding, layer = built("units that fill no register")
    with pytest.raises(IndexError, match="out of range"):
        run(pack(layer, embedding), torch.tensor([[0, 1], [symbol, 0]]), None, units=6)


def test_it_stands_in_only_where_it_is_the_same():
    embedding, layer = built("long")
    assert can_be_compiled(layer, embedding)
    deep = nn.LSTM(8, 8, num_layers=2)
    assert not any(can_be_compiled(each, embedding) for each in (deep, nn.GRU(8, 8), nn.RNN(8, 8)))
    assert not can_be_compiled(layer.double(), embedding.double())
    assert not can_be_compiled(layer.float().to("meta"), embedding.float())
    embedding, layer = built("long")
    seen = []
    hook = embedding.register_forward_hook(lambda *call: seen.append(call))
    reader(layer, embedding)(torch.zeros(1, 2, dtype=torch.int64), None)
    assert len(seen) == 1
    hook.remove()
    assert can_be_compiled(layer, embedding)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", RECURRENT)
def test_models_answer_alike_with_and_without_it(name, cell, monkeypatch):
    torch.manual_seed(4)
    channel = {"channel_numbers": 8, "channel_snr": 1e12}
    config = ModelConfig(symbols=7, hidden=24, cell=cell, **channel)
    model = resolve(MODELS[name].builder)(config).eval()
    source = torch.randint(7, (6, 9))
    target_in = torch.cat((torch.full((6, 1), 7), source[:, 1:]), dim=1)
    with torch.no_grad():
        logits, answer = model(source, target_in), model.generate(source, 9)
        monkeypatch.setattr("models.kernels.lstm.is_ready", lambda: False)
        torch.testing.assert_close(logits, model(source, target_in), atol=2e-6, rtol=0)
        assert torch.equal(answer, model.generate(source, 9))
