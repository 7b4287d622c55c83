"""The link from an estimator's HTML representation to its page in the documentation."""

from __future__ import annotations

import importlib
from typing import Any

SITE = ""
"""Where the documentation is, with ``"/"`` at the end. Empty as long as there is no such address: there is no link."""


class DocumentedMixin:
    """Tell scikit-learn's HTML representation which page of the reference describes the estimator."""

    _doc_link_module = "sklearn_ann"

    @property
    def _doc_link_template(self) -> str:
        return f"{SITE}api/{{page}}.html" if SITE else ""

    def _doc_link_url_param_generator(self) -> dict[str, Any]:
        package, room, *_ = type(self).__module__.split(".")
        name = type(self).__name__
        public = importlib.import_module(package)
        return {"page": f"{package}.{name}" if hasattr(public, name) else f"{package}.{room}.{name}"}
