"""Warnings that name the line of the user's program, not one of this package."""

from __future__ import annotations

import sys
import threading
import warnings
from types import FrameType

_LIBRARIES = ("sklearn_ann", "sklearn", "joblib", "torch")  # all that stands between a user's line and a warning


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn from the innermost line that belongs neither to this package nor to what may call the package for a user.

    A fixed ``stacklevel`` cannot do so: pipelines, searches and decorators add lines of their own. What Python's
    filters know of a warning, its module and whether its line has warned before, is that of the user's line.

    A fit may run in a thread, such as those of a search, where no line is the user's. Then it is the line of the main
    thread that waits for a library; or, for instance in another process, the line that calls this function.

    Parameters
    ----------
    message : str or Warning
    category : type of Warning
        Unless the message has one.
    """
    frame = _outside(sys._getframe(1)) or _waiting() or sys._getframe(1)
    names = frame.f_globals
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=names.get("__name__", "<string>"),
        registry=names.setdefault("__warningregistry__", {}),
    )


def _outside(frame: FrameType | None, *, through: bool = False) -> FrameType | None:
    """Return the innermost frame of no library; None if there is none, or, `through`, if no library lies before."""
    while frame is not None:
        # a module that runs as a program, as in processes of joblib, has its name in its specification alone
        name = getattr(frame.f_globals.get("__spec__"), "name", None) or frame.f_globals.get("__name__", "")
        package = name.partition(".")[0]
        if package in _LIBRARIES:
            through = False
        elif package not in sys.stdlib_module_names:
            return None if through else frame
        frame = frame.f_back
    return None


def _waiting() -> FrameType | None:
    """Return the user's line in the main thread, if the thread waits there for a library."""
    return _outside(sys._current_frames().get(threading.main_thread().ident or 0), through=True)
