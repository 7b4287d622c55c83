"""Hyper-parameters declared once."""

import inspect
from typing import Annotated, ClassVar, Literal

import pytest
from sklearn.base import BaseEstimator, clone

from sklearn_ann.base.parameters import NonNegativeFloat, PositiveInt, check_image_shape, declared, fitted


@declared
class Parent(BaseEstimator):
    """Parent.

    Parameters
    ----------
    width : int
        Width of it.
    rate : float
        Rate of it,
        over two lines.

    Attributes
    ----------
    size_ : int
        Its size.
    """

    width: PositiveInt = 3
    rate: NonNegativeFloat = 0.5
    size_: int = fitted()
    not_a_parameter: ClassVar[int] = 1
    _private: int = 2


@declared
class Child(Parent):
    """Child.

    Parameters
    ----------
    kind : {"a", "b"}
        Kind of it.

    Notes
    -----
    Something else.
    """

    kind: Literal["a", "b"] | None = "a"
    rate: NonNegativeFloat = 0.25


def test_signature_is_what_one_would_write():
    assert str(inspect.signature(Child.__init__)) == (
        "(self, *, kind: Optional[Literal['a', 'b']] = 'a', width: int = 3, rate: float = 0.25) -> None"
    )
    assert Child.__init__.__qualname__ == "Child.__init__"
    assert Parent().get_params() == {"width": 3, "rate": 0.5}


def test_a_fitted_attribute_is_declared_and_does_not_exist_before_fit():
    assert Parent.__annotations__["size_"] is int
    assert not hasattr(Parent, "size_")
    assert not hasattr(Child(), "size_")

    @declared
    class Own(Parent):
        depth_: int = fitted()

        def __init__(self, width=9):
            super().__init__(width=width)

    assert not hasattr(Own(), "depth_")


def test_arguments_are_stored_and_cloned():
    child = Child(width=5, kind=None)
    assert (child.width, child.kind, child.rate) == (5, None, 0.25)
    assert clone(child).get_params() == child.get_params()
    with pytest.raises(TypeError, match="unexpected keyword argument 'widht'"):
        Child(widht=5)
    with pytest.raises(TypeError):
        Child("b")


@pytest.mark.parametrize("bad", [{"width": 0}, {"width": 2.0}, {"rate": -1}, {"kind": "c"}])
def test_bounds_are_checked_by_name(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"The '{name}' parameter of Child"):
        Child(**bad)._validate_params()


def test_docstring_is_spliced_in_signature_order():
    assert inspect.getdoc(Child) == inspect.cleandoc(
        """
        Child.

        Parameters
        ----------
        kind : {"a", "b"}, default='a'
            Kind of it.

        width : int, default=3
            Width of it.

        rate : float, default=0.25
            Rate of it,
            over two lines.

        Attributes
        ----------
        size_ : int
            Its size.

        Notes
        -----
        Something else.
        """
    )


def test_a_hand_written_init_is_left_alone():
    @declared
    class Own(Child):
        def __init__(self, width=9):
            super().__init__(width=width)

    assert Own().width == 9
    assert Own().rate == 0.25
    assert list(inspect.signature(Own).parameters) == ["width"]

    @declared
    class Heir(Own):
        pass

    assert Heir(width=4).width == 4


def test_images_need_a_shape():
    with pytest.raises(ValueError, match=r"architecture='conv' needs image_shape=.*got None"):
        check_image_shape(None)
    check_image_shape((8, 8))


def test_a_plain_annotated_type_is_enough():
    @declared
    class Plain(BaseEstimator):
        flag: bool = False
        number: int | float = 1
        marked: Annotated[int | None, "random_state"] = None

    Plain(flag=True, number=2.5)._validate_params()
    with pytest.raises(ValueError, match="'flag'"):
        Plain(flag=3)._validate_params()
    with pytest.raises(ValueError, match="'marked'"):
        Plain(marked="seed")._validate_params()
