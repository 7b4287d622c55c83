"""The error of files."""

from sklearn_ann import ModelFileError


def test_it_is_a_value_error_that_callers_can_tell_from_others():
    assert issubclass(ModelFileError, ValueError)
    assert ModelFileError is not ValueError
