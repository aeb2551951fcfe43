"""A signal lets a step end; a second one, or one at any other time, stops a command."""

import signal
from contextlib import contextmanager

import pytest

from minunet import stopping
from minunet.stopping import SIGNALS, Stopped


@contextmanager
def handlers(handler=None):
    """Restore the handlers of all signals at the end; set them first if one is given."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number in SIGNALS:  # a shell ignores some of them for a command in the background
            signal.signal(number, handler or signal.default_int_handler)
        yield {number: signal.getsignal(number) for number in SIGNALS}
    finally:
        for number, one in before.items():
            signal.signal(number, one)


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_the_first_signal_is_noted_and_the_second_stops(first, second):
    with handlers() as before:
        with pytest.raises(Stopped) as stopped, stopping.requests() as asked:
            assert not asked()
            signal.raise_signal(first)
            assert asked() == first
            signal.raise_signal(second)
            pytest.fail("went on after the second")
        assert stopped.value.code == 128 + second
        assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize("number", SIGNALS)
def test_commands_stop_at_once_outside_of_a_step(number):
    with handlers(), pytest.raises(KeyboardInterrupt, match=signal.Signals(number).name):
        stopping.install()
        signal.raise_signal(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_that_the_caller_ignores_stay_ignored(number):
    with handlers(signal.SIG_IGN):
        stopping.install()
        signal.raise_signal(number)
        with stopping.requests() as asked:
            signal.raise_signal(number)
            assert not asked()


@pytest.mark.parametrize("number", SIGNALS)
def test_at_once_does_not_wait(number):
    with handlers(), stopping.requests() as asked:
        with pytest.raises(Stopped) as stopped, stopping.at_once(asked):
            signal.raise_signal(number)
            pytest.fail("waited")
        assert (stopped.value.number, stopped.value.code) == (number, 128 + number)
        signal.raise_signal(number)  # afterwards, signals are noted again
        assert asked() == number
        with pytest.raises(Stopped), stopping.at_once(asked):
            pytest.fail("forgot the signal that came before")


def test_installed_handlers_are_restored():
    with handlers() as before:
        with pytest.raises(Stopped), stopping.installed():
            signal.raise_signal(SIGNALS[0])
        assert {number: signal.getsignal(number) for number in before} == before
