"""What can go wrong for a user: one small tree, each class with its exit code.

MedtuneError        1  the parent of all; never raised itself
  ConfigError       2  the run file or the command line asks for something that cannot be
  DataError         3  a source, a record or an artifact is not what it should be
    UndefinedMetric 3  a metric has no value on these predictions
  TuneError         4  training cannot go on
  GateError         5  the evidence does not allow a release
  MachineError      6  this machine cannot: no network, no disk, no memory, a port in use

A message says what is wrong, where, and what to do. It names record ids, never record text. The
command line prints the message without a traceback; any other exception is a bug of ours.
"""

import difflib
import errno
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager


class MedtuneError(Exception):
    """A fault that the user can mend. The message is all that the user sees."""

    exit_code = 1


class ConfigError(MedtuneError):
    """The run file or the command line asks for something that cannot be."""

    exit_code = 2


class DataError(MedtuneError):
    """A source, a record or an artifact is not what it should be."""

    exit_code = 3


class UndefinedMetric(DataError):
    """A metric has no value on these predictions, such as a sensitivity without a positive."""


class TuneError(MedtuneError):
    """Training cannot go on."""

    exit_code = 4


class GateError(MedtuneError):
    """The evidence does not allow a release."""

    exit_code = 5


class MachineError(MedtuneError):
    """This machine cannot do it: no network, no disk, no memory, a port in use."""

    exit_code = 6


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the closest choice, or an empty string if none is close."""
    close = difflib.get_close_matches(word, list(choices), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def told(run: Callable[[], object]) -> None:
    """Run a command; end with one message and its exit code where the user can mend the fault."""
    try:
        with memory_told():
            run()
    except MedtuneError as error:
        _leave(error)
    except PermissionError as error:
        _leave(MachineError(f"{error.filename}: may not be read or written; ask for the right"))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _leave(MachineError(f"the disk is full ({error.filename}); free some space, run again"))


@contextmanager
def memory_told() -> Generator[None]:
    """Let a GPU's want of memory be a fault that the user can mend.

    Raises:
        MachineError: A GPU ran out of memory while the block ran.
    """
    try:
        yield
    except RuntimeError as error:
        torch = sys.modules.get("torch")  # where it is not loaded, the error is another's
        if torch is None or not isinstance(error, torch.OutOfMemoryError):
            raise
        raise MachineError(
            "the GPU's memory is full; in training lower tune.micro_batch_tokens or set "
            "compute.recompute, else lower evaluate.batch_tokens; where even one example is too "
            "much, lower model.context_tokens or take a smaller model or a larger GPU "
            f"({str(error).splitlines()[0] if str(error) else 'no details'})"
        ) from error


def _leave(error: MedtuneError) -> None:
    sys.stderr.write(f"medtune: {error}\n")
    raise SystemExit(error.exit_code) from None
