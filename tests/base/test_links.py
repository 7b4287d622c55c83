"""The HTML representation links to the reference."""

import subprocess
import sys

import pytest
from discovery import PUBLIC

from sklearn_ann import CNNClassifier
from sklearn_ann.base import links
from sklearn_ann.model_selection import StackedSearchCV


@pytest.mark.parametrize("estimator", PUBLIC, ids=lambda cls: cls.__name__)
def test_public_estimators_are_at_home_in_the_documentation(estimator):
    assert issubclass(estimator, links.DocumentedMixin)


def test_representation_links_to_the_page_once_there_is_a_site(monkeypatch):
    assert CNNClassifier()._get_doc_link() == ""
    assert "Documentation for CNNClassifier" not in CNNClassifier()._repr_html_()
    monkeypatch.setattr(links, "SITE", "https://docs.local/")
    assert CNNClassifier()._get_doc_link() == "https://docs.local/api/sklearn_ann.CNNClassifier.html"
    assert 'href="https://docs.local/api/sklearn_ann.CNNClassifier.html' in CNNClassifier()._repr_html_()
    search = StackedSearchCV(CNNClassifier(), {})
    assert search._get_doc_link() == "https://docs.local/api/sklearn_ann.model_selection.StackedSearchCV.html"


def test_subclasses_elsewhere_have_no_link(monkeypatch):
    monkeypatch.setattr(links, "SITE", "https://docs.local/")
    assert type("Mine", (CNNClassifier,), {"__module__": "mine"})()._get_doc_link() == ""


def test_to_show_a_fitted_estimator_makes_no_net():
    code = """
import sys, numpy as np
from sklearn_ann import AutoEncoderTransformer
model = AutoEncoderTransformer(max_epochs=1, learning_rate_schedule="cosine").fit(np.random.rand(9, 3))
page = model._repr_html_()
assert "history_" in page and "net_" not in page, page
assert "net_" in dir(model) and "net_" not in dir(AutoEncoderTransformer())
assert "skorch" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=100)
