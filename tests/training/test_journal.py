"""What a run leaves on disk lets it resume exactly, whenever it is stopped."""

import signal
from types import SimpleNamespace

import numpy as np
import pytest
from commands import draw_stack
from datasets import dataset_of

from minunet import runs
from minunet.runs.settings import from_options
from minunet.training import journal, loop
from minunet.training import state as states

SMALL = from_options(
    **{"depth": 1, "channels": 2, "tile": 24, "dropout": 0.5, "learning_rate": 0.01},
    **{"augment": "symmetries", "score": "iou", "device": "cpu", "steps": 6, "validate_every": 3},
)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Draw no pictures, which would take longer than the steps."""
    for name in ("curves", "preview"):
        monkeypatch.setattr(f"minunet.report.run_pictures.{name}", lambda *args: None)


def small_data():
    images, labels = draw_stack((2, 20, 21))
    x = [(image / 255).astype(np.float32)[..., np.newaxis] for image in images]
    return dataset_of(x, list(labels), [0], [1])


def train(folder, settings=SMALL, state=None, **more):
    state = state or states.start(settings, "cpu")
    return loop.train(folder, settings, small_data(), state, **more)


def saved(folder, name="last.npz"):
    return states.restore(folder / name, "cpu")[0]


def resume(folder):
    assert train(folder, state=saved(folder)) == 0


def assert_same(one, other):
    for name in ("last.npz", "best.npz"):
        mine, theirs = saved(one, name), saved(other, name)
        assert (mine.step, mine.best) == (theirs.step, theirs.best)
        assert mine.rng.bit_generator.state == theirs.rng.bit_generator.state
        for key, array in mine.params.items():
            np.testing.assert_array_equal(array, theirs.params[key])
            np.testing.assert_array_equal(mine.velocity[key], theirs.velocity[key])
    logs = [[row | {"seconds": 0} for row in runs.read(folder)] for folder in (one, other)]
    assert logs[0] == logs[1]


@pytest.fixture
def whole(tmp_path):
    """Make an uninterrupted run."""
    (tmp_path / "whole").mkdir()
    assert train(tmp_path / "whole") == 0
    return tmp_path / "whole"


def test_the_best_checkpoint_is_kept(tmp_path, monkeypatch):
    validated = (journal.Validation(1.0, 0.5, iou) for iou in (0.5, 0.75, 0.75, 0.25))
    monkeypatch.setattr(journal, "validate", lambda *args: (next(validated), []))
    settings = from_options(**SMALL.__dict__ | {"steps": 8, "validate_every": 2})
    train(tmp_path, settings)
    best, last = (states.restore(tmp_path / f"{n}.npz", "cpu")[0] for n in ("best", "last"))
    assert (best.step, best.best) == (4, 0.75)
    assert (last.step, last.best) == (8, 0.75)


def test_the_best_checkpoint_is_saved_before_the_last(tmp_path, monkeypatch):
    # If killed between the two, the run resumes from an older last checkpoint and finds its best
    # again. In the opposite order it would remember a score whose weights were never written.
    order = []
    monkeypatch.setattr(journal.states, "save", lambda path, *args: order.append(path.name))
    settings = from_options(**SMALL.__dict__ | {"steps": 1, "validate_every": 3})
    train(tmp_path, settings)
    assert order == ["last.npz", "best.npz", "last.npz", "last.npz"]


@pytest.mark.parametrize("step", [3, 6])
@pytest.mark.parametrize("where", ["validate", "drawing"])
def test_a_signal_during_a_validation_does_not_wait_for_its_end(
    tmp_path, whole, monkeypatch, step, where
):
    validate = journal.validate

    def interrupted(*args):
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("waited")

    def only_at(params, data, settings):
        return interrupted() if number(tmp_path) == step else validate(params, data, settings)

    def draw(*args):
        if number(tmp_path) == step:
            interrupted()

    with monkeypatch.context() as patch:
        if where == "validate":
            patch.setattr(journal, "validate", only_at)
        more = {} if where == "validate" else {"on_validation": draw}
        assert train(tmp_path, **more) == signal.SIGTERM
    rows = runs.read(tmp_path)
    assert [row["step"] for row in rows] == list(range(1, step + 1))
    assert ("validation_iou" in rows[-1]) == (where == "drawing")
    assert saved(tmp_path).step == step
    resume(tmp_path)
    assert_same(tmp_path, whole)


def number(folder):
    """Return the number of the step that is being validated: the row before it is logged."""
    rows = len(runs.read(folder))
    return rows + ("validation_iou" not in runs.read(folder)[-1])


def test_the_state_is_saved_every_few_minutes(tmp_path, whole, monkeypatch):
    times, kept = iter(range(0, 10**6, 45)), []
    monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=lambda: next(times)))
    save = states.save

    def noted(path, settings, state):
        kept.append((path.name, state.step))
        save(path, settings, state)

    monkeypatch.setattr(journal.states, "save", noted)
    settings = from_options(**SMALL.__dict__ | {"validate_every": 100, "steps": 14})
    assert train(tmp_path, settings) == 0
    # The clock advances by 45 s with every look: after five looks, more than 180 s have passed.
    assert [one for one in kept if one[1] < 14] == [("last.npz", step) for step in (0, 5, 10)]


def test_the_log_is_on_disk_before_a_checkpoint(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(runs, "flush", lambda folder: order.append("log"))
    monkeypatch.setattr(journal.states, "save", lambda path, *args: order.append(path.name))
    train(tmp_path, from_options(**SMALL.__dict__ | {"steps": 1}))
    assert [order[k - 1] for k, name in enumerate(order) if name == "last.npz"] == ["log"] * 3


def test_a_parameter_that_is_not_finite_is_not_validated(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "validate", lambda *args: pytest.fail("validated"))
    settings = from_options(**SMALL.__dict__ | {"learning_rate": 3e38, "warm_up": 0, "steps": 1})
    state = states.start(settings, "cpu")
    state.velocity = {name: array + np.float32(3e38) for name, array in state.velocity.items()}
    state.params = {name: array * 0 for name, array in state.params.items()}
    state.params["out.b"] = np.full_like(state.params["out.b"], 3e38)
    with pytest.raises(states.DivergedError, match=r"out\.b is not finite after step 1"):
        train(tmp_path, settings, state)
