"""Docstrings that are completed from those of base classes."""

import inspect

from sklearn_ann import CNNRegressor
from sklearn_ann.base.docstrings import (
    complete_docstring,
    parameter_groups,
    split_entries,
    split_sections,
    with_default,
)


class Base:
    """A base.

    Parameters
    ----------
    width : int
        Number of units.

        A second paragraph.

    verbose : int
        Whether to print.

    Attributes
    ----------
    module_ : Module
        The network.

    loss_ : float
        The loss.
    """


class Leaf(Base):
    """A leaf.

    More about it.

    Parameters
    ----------
    depth : int
        Number of layers.

    verbose : int
        Whether to print epochs.

    Attributes
    ----------
    loss_ : float
        The loss of the leaf.

    Notes
    -----
    A formula.

    Examples
    --------
    >>> Leaf().depth
    2
    """

    depth = 2


BASE = {"width": 8, "verbose": 0}
complete_docstring(Base, BASE)
complete_docstring(Leaf, {"depth": 2, "width": 16, "verbose": 0})
SECTIONS = split_sections(Leaf.__doc__)


def test_sections_keep_their_order_and_their_text():
    assert list(SECTIONS) == ["", "Parameters", "Attributes", "Notes", "Examples"]
    assert SECTIONS[""] == "A leaf.\n\nMore about it."
    assert SECTIONS["Notes"].strip() == "A formula."


def test_parameters_come_in_the_order_of_the_signature_with_their_defaults():
    entries = split_entries(SECTIONS["Parameters"])
    assert list(entries) == ["depth", "width", "verbose"]
    assert [entry.splitlines()[0] for entry in entries.values()] == [
        "depth : int, default=2",
        "width : int, default=16",
        "verbose : int, default=0",
    ]


def test_inherited_entries_come_whole_and_own_ones_win():
    parameters = split_entries(SECTIONS["Parameters"])
    assert parameters["width"].endswith("Number of units.\n\n    A second paragraph.")
    assert "print epochs" in parameters["verbose"]
    attributes = split_entries(SECTIONS["Attributes"])
    assert set(attributes) == {"module_", "loss_"}
    assert "of the leaf" in attributes["loss_"]


def test_the_base_stays_what_it_was():
    base = split_entries(split_sections(Base.__doc__)["Parameters"])
    assert base["width"].startswith("width : int, default=8\n")
    assert "depth" not in base
    assert "Notes" not in split_sections(Base.__doc__)


def test_defaults_are_shown_as_python_writes_them():
    assert with_default("kind : str\n    What.", "auto") == "kind : str, default='auto'\n    What."


def test_without_docstrings_nothing_is_written():
    bare = type("Bare", (), {"__doc__": None})
    complete_docstring(bare, BASE)
    assert bare.__doc__ is None


def test_an_undocumented_parameter_is_not_invented():
    class Short:
        """A class without sections."""

    complete_docstring(Short, {"size": 1})
    assert inspect.cleandoc(Short.__doc__).strip() == "A class without sections."


class Shared:
    """What estimators share.

    Parameters
    ----------
    tol : float
        When to stop.

    device : str
        Where to compute.
    """

    __module__ = "sklearn_ann.base.example"


class Network(Shared):
    """A network.

    Parameters
    ----------
    depth : int
        Number of layers.

    tol : float
        When to stop, told once more.
    """


complete_docstring(Shared, {"tol": 0.1, "device": "cpu"})
complete_docstring(Network, {"depth": 2, "tol": 0.1, "device": "cpu"})


def test_parameters_are_grouped_by_what_they_control():
    groups = parameter_groups(Network, ["depth", "tol", "device"])
    assert groups == {"own": ["depth"], "training": ["tol"], "running": ["device"]}


def test_help_tells_where_the_groups_of_parameters_begin():
    told = " ".join(split_sections(Network.__doc__)[""].split())
    assert told.startswith("A network. The parameters have three groups: those of the architecture (`depth`")
    assert told.endswith("and of the hardware and the run (`device` to `device`).")
    assert "groups" not in Shared.__doc__
    assert "groups" not in Leaf.__doc__


def test_groups_of_an_estimator_follow_each_other():
    names = list(inspect.signature(CNNRegressor).parameters)
    groups = parameter_groups(CNNRegressor, names)
    assert [name for group in groups.values() for name in group] == names
    assert groups["own"][0] == "conv_layers"
    assert groups["training"][0] == "n_estimators"
    assert groups["running"] == ["device", "precision", "distributed", "checkpoint", "random_state", "verbose"]
