"""A description of a model is refused if a table or a command line could not show it."""

from dataclasses import replace

import pytest

from models import MODELS


@pytest.mark.fault("F27")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", text) for text in ("", "a b", "a,b", "a\tb", "a\nb", "a\x1b[0m", "a\ud800")),
        *(("summary", text) for text in ("a\nb", "a\tb", "\x1b[2J", "a\ud800", "\u202ea")),
        ("version", 0),
    ],
)
def test_a_description_is_validated(field, value):
    with pytest.raises(ValueError, match=f"^{field}: must be"):
        replace(MODELS["rnn"], **{field: value})
    assert replace(MODELS["rnn"], name="注意-β", summary="nothing").name == "注意-β"
