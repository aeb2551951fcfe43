"""`python -m minunet.models` lists the models and prints their cards."""

import pytest
from commands import call, refused

from minunet.models import MODELS, shipped


def test_every_model_is_listed():
    done = call("models.__main__")
    assert (done.code, done.err) == (0, "")
    for name, purpose in MODELS.items():
        assert f"{name:<10}{purpose}\n" in done.out
        assert str(shipped.HERE / f"{name}.npz") in done.out
    assert max(map(len, done.out.splitlines())) < 160


@pytest.mark.parametrize("name", MODELS)
def test_a_card_is_printed(name):
    assert call("models.__main__", name).out == shipped.card(name)


def test_an_unknown_name_is_refused():
    assert "'cells'" in refused(call("models.__main__", "cells"))
