"""Whether this is a worker, beside which others compute on the same machine."""

from __future__ import annotations

import multiprocessing
import sys

from joblib.parallel import get_active_backend


def shares_cores() -> bool:
    """Return whether joblib or dask runs several tasks beside this one, each in a thread or a process of its own."""
    backend, _ = get_active_backend()
    return bool(getattr(backend, "nesting_level", 0)) or _in_dask_task()


def in_worker() -> bool:
    """Return whether this is a worker of joblib or dask, or a process that another one of Python has started."""
    return multiprocessing.parent_process() is not None or shares_cores()


def _in_dask_task() -> bool:
    get_worker = getattr(sys.modules.get("distributed"), "get_worker", None)  # a worker has imported it
    if get_worker is None:
        return False
    try:
        get_worker()
    except ValueError:
        return False
    return True
