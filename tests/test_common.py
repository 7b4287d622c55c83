"""scikit-learn's contract, for every estimator that the package has."""

import inspect
import re

import numpy as np
import pytest
from discovery import BRIEF, NEURAL, PUBLIC, RANDOM_ERROR, ROWS, exact, name_of, short
from sklearn.base import ClassNamePrefixFeaturesOutMixin, clone, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import estimator_checks as checks
from sklearn.utils._param_validation import generate_invalid_param_val, make_constraint
from sklearn.utils._test_common.instance_generator import _get_check_estimator_ids

from sklearn_ann.base.docstrings import split_entries, split_sections
from sklearn_ann.base.names import names_of_a_column

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

ONLY_EXACT = {"check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"}
# The checks that ask for an accuracy. For all others a network need not be good, only trained.
ACCURATE = {"check_classifiers_train", "check_regressors_train", "check_class_weight_classifiers"}


def all_checks():
    for estimator in ROWS:
        for settings in (short(estimator, 40), exact(estimator)):
            for instance, check in checks.estimator_checks_generator(estimator(**settings), mark=None):
                name = getattr(check, "func", check).__name__
                if name not in ACCURATE:
                    instance = clone(instance).set_params(**short(estimator, 5))
                is_exact = "precision" in settings
                if name not in ONLY_EXACT or (is_exact and estimator not in RANDOM_ERROR):
                    kind = "exact" if is_exact else "default"
                    yield pytest.param(
                        instance, check, id=f"{estimator.__name__}-{kind}-{_get_check_estimator_ids(check)}"
                    )


@pytest.mark.parametrize(("estimator", "check"), list(all_checks()))
def test_check_estimator(estimator, check):
    check(estimator)


NOT_RUN_BY_CHECK_ESTIMATOR = [
    checks.check_set_output_transform,
    checks.check_set_output_transform_pandas,
    checks.check_global_output_transform_pandas,
    checks.check_transformer_get_feature_names_out,
    checks.check_transformer_get_feature_names_out_pandas,
    checks.check_dataframe_column_names_consistency,
    checks.check_param_validation,
]


# These checks mix frames and arrays on purpose.
@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X has feature names, but:UserWarning")
@pytest.mark.parametrize("check", NOT_RUN_BY_CHECK_ESTIMATOR, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", ROWS, ids=name_of)
def test_what_check_estimator_leaves_out(estimator, check):
    check(estimator.__name__, estimator(**BRIEF))


NAMED_BY_CLASS = [
    estimator
    for estimator in NEURAL
    if estimator.get_feature_names_out in (ClassNamePrefixFeaturesOutMixin.get_feature_names_out, names_of_a_column)
]


@pytest.mark.parametrize("estimator", NAMED_BY_CLASS, ids=name_of)
def test_feature_names_are_the_lower_case_class_name_and_a_number(estimator, data):
    X, y = data
    fitted = estimator(**BRIEF).set_output(transform="pandas").fit(X, y)
    table = fitted.transform(X)
    prefix = estimator.__name__.lower()
    assert list(table.columns) == [f"{prefix}{i}" for i in range(table.shape[1])]


@pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
def test_every_hyper_parameter_refuses_what_its_bounds_exclude(estimator, data):
    X, y = data
    for name, constraints in estimator._parameter_constraints.items():
        if constraints == "no_validation":
            continue
        for constraint in map(make_constraint, constraints):
            try:
                bad = generate_invalid_param_val(constraint)
            except NotImplementedError:  # a constraint of which scikit-learn knows no violation, such as a bare type
                continue
            if any(make_constraint(other).is_satisfied_by(bad) for other in constraints):
                continue
            with pytest.raises(ValueError, match=f"The '{name}' parameter of {estimator.__name__} must be"):
                estimator(**BRIEF).set_params(**{name: bad}).fit(X, y)


@pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
def test_signature_get_params_and_constraints_agree(estimator):
    parameters = inspect.signature(estimator).parameters
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters.values())
    assert {name: p.default for name, p in parameters.items()} == estimator().get_params()
    assert list(parameters) == list(estimator._parameter_constraints)
    assert list(parameters)[-1] == "verbose"  # the leaf's own come first, the shared ones last
    changed = {name: object() for name in parameters}
    assert clone(estimator(), safe=False).set_params(**changed).get_params() == changed


@pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
def test_docstring_documents_exactly_the_signature(estimator):
    sections = split_sections(estimator.__doc__)
    entries = split_entries(sections["Parameters"])
    parameters = inspect.signature(estimator).parameters
    assert list(entries) == list(parameters)
    for name, entry in entries.items():
        head, *body = entry.split("\n")
        assert re.fullmatch(rf"{name} : .+, default={re.escape(repr(parameters[name].default))}", head)
        assert "".join(body).startswith("    ")


@pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
def test_docstring_documents_exactly_the_fitted_attributes(estimator, data):
    import pandas as pd

    X, y = data
    fitted = estimator(**BRIEF).fit(pd.DataFrame(X).add_prefix("pixel") if estimator in ROWS else X, y)
    attributes = {name for name, _ in inspect.getmembers(fitted) if name.endswith("_") and not name.startswith("_")}
    if estimator not in ROWS:
        attributes.add("feature_names_in_")  # which comes with a frame
    assert attributes == set(split_entries(split_sections(estimator.__doc__)["Attributes"]))


@pytest.mark.parametrize("estimator", PUBLIC, ids=name_of)
def test_public_methods_are_documented(estimator):
    for name, method in inspect.getmembers(estimator, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.getdoc(method), f"{estimator.__name__}.{name} has no docstring"


@pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
def test_html_repr_shows_parameters_and_fitted_attributes(estimator, data):
    X, y = data
    html = estimator(**BRIEF).fit(X, y)._repr_html_()
    assert "learning_rate" in html
    assert "best_epoch_" in html


@pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
def test_set_params_counts_at_the_next_fit(estimator, data):
    X, y = data
    model = estimator(**BRIEF).fit(X, y)
    once = model.transform(X).shape
    narrow = {"n_components": 5, "hidden_layer_sizes": 5, "conv_layer_sizes": 5, "hidden_size": 5}
    narrow |= {"pooling": "last", "bidirectional": False} if "hidden_size" in model.get_params() else {}
    model.set_params(**{name: value for name, value in narrow.items() if name in model.get_params()}).fit(X, y)
    assert once[1] != 5
    assert model.transform(X).shape == (len(X), 5)


@pytest.mark.parametrize("estimator", ROWS, ids=name_of)
def test_lists_of_lists_frames_and_arrays_are_the_same_data(estimator, rows):
    import pandas as pd

    X, y = rows
    expected = estimator(**BRIEF).fit(X, y).transform(X)
    for same in (X.tolist(), pd.DataFrame(X), np.asfortranarray(X), X.astype(np.float64), X[:, ::-1][:, ::-1]):
        np.testing.assert_array_equal(estimator(**BRIEF).fit(same, list(y)).transform(same), expected)


@pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
def test_too_few_epochs_warn(estimator, data):
    X, y = data
    with pytest.warns(ConvergenceWarning, match="max_epochs=2"):
        estimator(max_epochs=2, learning_rate_schedule="adaptive", random_state=0).fit(X, y)


def test_regressors_have_no_predict_proba():
    for estimator in filter(lambda e: is_regressor(e()), NEURAL):
        assert not hasattr(estimator, "predict_proba")
