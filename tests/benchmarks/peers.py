"""Recurrent models of other toolkits in our sizes, as models that the suite can time.

They need `pip install --no-deps OpenNMT-py==3.5.1 joeynmt==2.3.0` and what these then ask for:

    python -m bench.throughput --models seq2seq,tests.benchmarks.peers:opennmt_plain --lengths 200

Batch, loss and optimiser are ours, so that only the model differs. No test imports this module.
"""

from types import SimpleNamespace
from typing import Any

import torch
from joeynmt.model import build_model
from joeynmt.vocabulary import Vocabulary
from onmt.decoders.decoder import InputFeedRNNDecoder, StdRNNDecoder
from onmt.encoders.rnn_encoder import RNNEncoder
from onmt.models.model import NMTModel
from onmt.modules.embeddings import Embeddings
from torch import Tensor, nn

from models.config import ModelConfig
from models.decoding import greedy_decode

# What JoeyNMT's vocabulary puts before our symbols.
MARKS = ("<unk>", "<pad>", "<s>", "</s>")


class OpenNMT(nn.Module):
    """Its encoder and decoder, with or without the input feeding that it has by default."""

    def __init__(self, config: ModelConfig, *, attention: str, feeding: bool) -> None:
        super().__init__()
        self.config = config
        # Its symbols are ours, the start symbol, and padding, which no batch contains.
        source, target = (
            Embeddings(config.embedding, config.symbols + 2, config.symbols + 1) for _ in range(2)
        )
        decoder = InputFeedRNNDecoder if feeding else StdRNNDecoder
        self.model = NMTModel(
            RNNEncoder("LSTM", True, 1, config.hidden, embeddings=source),
            decoder("LSTM", True, 1, config.hidden, attn_type=attention, embeddings=target),
        )
        self.output = nn.Linear(config.hidden, config.symbols)

    def forward(self, source: Tensor, target_in: Tensor) -> Tensor:
        memory, lengths = self.read(source)
        logits: Tensor = self.output(self.model.decoder(target_in[..., None], memory, lengths)[0])
        return logits

    def read(self, source: Tensor) -> tuple[Tensor, Tensor]:
        lengths = torch.full((len(source),), source.shape[1])
        memory, state, _ = self.model.encoder(source[..., None], lengths)
        self.model.decoder.init_state(source, memory, state)
        return memory, lengths

    @torch.no_grad()
    def generate(self, source: Tensor, length: int) -> Tensor:
        memory, lengths = self.read(source)

        def step(item: Tensor, _: None) -> tuple[Tensor, None]:
            # Its decoder keeps its state itself.
            return self.output(self.model.decoder(item[..., None], memory, lengths)[0]), None

        first = source.new_full((len(source), 1), self.config.start)
        return greedy_decode(step, None, first=first, length=length)


class JoeyNMT(nn.Module):
    """As it ships: input feeding, one item after another."""

    def __init__(self, config: ModelConfig, *, attention: str) -> None:
        super().__init__()
        self.config = config
        names = ("unk", "pad", "bos", "eos")
        special: dict[str, Any] = {"sep_token": None, "sep_id": None, "lang_tags": []}
        for place, (name, mark) in enumerate(zip(names, MARKS, strict=True)):
            special |= {f"{name}_token": mark, f"{name}_id": place}
        symbols = [str(symbol) for symbol in range(config.symbols)]
        words = Vocabulary(symbols, SimpleNamespace(**special))
        part: dict[str, Any] = {
            "type": "recurrent",
            "rnn_type": "lstm",
            "embeddings": {"embedding_dim": config.embedding},
        }
        encoder = {**part, "hidden_size": config.hidden // 2, "bidirectional": True}
        decoder = {**part, "hidden_size": config.hidden, "attention": attention}
        self.model = build_model(
            {"encoder": encoder, "decoder": {**decoder, "init_hidden": "last"}}, words, words
        )

    def forward(self, source: Tensor, target_in: Tensor) -> Tensor:
        return self.write(target_in, self.read(source), None)[0]

    def read(self, source: Tensor) -> dict[str, Tensor]:
        mask = torch.ones(len(source), 1, source.shape[1], dtype=torch.bool)
        lengths = torch.full((len(source),), source.shape[1])
        memory, state = self.model._encode(source + len(MARKS), lengths, mask)
        return {"encoder_output": memory, "encoder_hidden": state, "src_mask": mask}

    def write(self, target_in: Tensor, memory: dict[str, Tensor], state: Any) -> tuple[Tensor, Any]:
        symbols = len(MARKS)
        start = MARKS.index("<s>")
        before, feeding = (None, None) if state is None else state
        logits, before, _, feeding = self.model._decode(
            **memory,
            trg_input=torch.where(target_in == self.config.start, start, target_in + symbols),
            unroll_steps=target_in.shape[1],
            decoder_hidden=before,
            att_vector=feeding,
        )
        return logits[..., symbols:], (before, feeding)

    @torch.no_grad()
    def generate(self, source: Tensor, length: int) -> Tensor:
        memory = self.read(source)
        first = source.new_full((len(source), 1), self.config.start)
        return greedy_decode(
            lambda item, state: self.write(item, memory, state), None, first=first, length=length
        )


def opennmt_plain(config: ModelConfig) -> OpenNMT:
    return OpenNMT(config, attention="none", feeding=False)


def opennmt_dot(config: ModelConfig) -> OpenNMT:
    return OpenNMT(config, attention="dot", feeding=False)


def opennmt_mlp(config: ModelConfig) -> OpenNMT:
    return OpenNMT(config, attention="mlp", feeding=False)


def joeynmt_luong(config: ModelConfig) -> JoeyNMT:
    return JoeyNMT(config, attention="luong")


def joeynmt_bahdanau(config: ModelConfig) -> JoeyNMT:
    return JoeyNMT(config, attention="bahdanau")
