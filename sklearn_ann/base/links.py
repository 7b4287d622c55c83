"""What an estimator's HTML representation links to, and what it leaves out."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

SITE = ""
"""Where the documentation is, with ``"/"`` at the end. Empty as long as there is no such address: there is no link."""


_SHOWN = ContextVar("whether an HTML representation is made", default=False)


class DocumentedMixin:
    """Tell scikit-learn's HTML representation which page of the reference describes the estimator.

    The representation shows all fitted attributes but for ``net_``, which is made when it is asked for: skorch takes
    seconds to import, and its imports may warn. The completion of names in a console does not make it either.
    """

    _doc_link_module = "sklearn_ann"

    def __dir__(self) -> Iterable[str]:
        """Return the attributes that there are, as scikit-learn does, but look at ``net_`` only by its name."""
        names = list(object.__dir__(self))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            there = [name for name in names if name != "net_" and hasattr(self, name)]
        return there if _SHOWN.get() or "net_" not in names or "module_" not in there else [*there, "net_"]

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        shown = _SHOWN.set(True)
        try:
            return super()._get_fitted_attr_html(doc_link)  # type: ignore[misc]
        finally:
            _SHOWN.reset(shown)

    @property
    def _doc_link_template(self) -> str:
        return f"{SITE}api/{{page}}.html" if SITE else ""

    def _doc_link_url_param_generator(self) -> dict[str, Any]:
        package, room, *_ = type(self).__module__.split(".")
        name = type(self).__name__
        public = importlib.import_module(package)
        return {"page": f"{package}.{name}" if hasattr(public, name) else f"{package}.{room}.{name}"}
