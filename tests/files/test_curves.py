"""Losses by epoch, drawn as text and as SVG."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from sklearn_ann.files.curves import Scale, svg_plot, text_plot, ticks

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "a```\n<script>alert(1)</script> | ](javascript:x) & é"


def drawn(text):
    """Return the lines between the legend and the axis, without the labels."""
    return [line.split("|", 1)[1] for line in text.splitlines()[1:-2]]


def test_a_text_shows_where_the_values_are():
    text = text_plot({"loss": [4, 2, 1, 0], "validation_loss": [4, 3, 3, 3]})
    rows = drawn(text)
    assert text.splitlines()[0] == "* loss, o validation loss"
    assert [next(row for row, line in enumerate(rows) if line[8 * i : 8 * i + 1] == "*") for i in range(4)] == [
        0,
        6,
        9,
        12,
    ]
    assert sum(line.count("o") for line in rows) == 3  # the loss lies above where both are
    assert text.splitlines()[1].startswith("4 |")
    assert text.splitlines()[13].startswith("0 |")
    assert text.splitlines()[-1].split() == ["1", "4", "epoch"]


def test_many_epochs_one_epoch_and_none():
    lines = text_plot({"loss": np.linspace(1, 0, 1000)}).splitlines()
    assert max(map(len, lines)) < 80
    assert lines[-1].split() == ["1", "1000", "epoch"]
    assert text_plot({"loss": [2.0]}).count("*") == 2  # in the legend too
    assert text_plot({"loss": [2.0, 2.0, 2.0]}).count("*") == 4
    assert text_plot({"loss": [math.nan]}) == text_plot({}) == svg_plot({}) == svg_plot({"loss": [math.inf]}) == ""
    assert text_plot({"loss": [1e308, -1e308, math.inf, math.nan, 1e-300]}).isascii()


def test_axis_is_logarithmic_for_values_of_several_magnitudes():
    scale = Scale(np.array([0.01, 1.0]))
    np.testing.assert_allclose(scale.places(np.array([0.01, 0.1, 1.0, np.nan, 0.0])), [0, 0.5, 1, np.nan, np.nan])
    assert scale.value(0.5) == pytest.approx(0.1)
    assert not Scale(np.array([-1.0, 100.0])).logarithmic
    assert "logarithmic axis" in text_plot({"loss": [0.01, 1.0]})
    assert "logarithmic axis" in svg_plot({"loss": [0.01, 1.0]})


def test_ticks_are_round_numbers_within_the_axis():
    assert ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(-3, 7) == [-2, 0, 2, 4, 6]
    assert ticks(0.02, 1.1, logarithmic=True) == pytest.approx([0.02, 0.05, 0.1, 0.2, 0.5, 1])
    assert ticks(1e-9, 1e9, logarithmic=True) == pytest.approx([1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9])
    assert ticks(2, 2) == [2]
    for low, high in ((1, 2), (1, 60), (0.123, 0.124), (-5e20, 8e20)):
        found = ticks(low, high)
        assert 3 <= len(found) <= 8
        assert low <= found[0] <= found[-1] <= high + 1e-12


def test_an_image_has_a_line_for_each_stretch_of_finite_values():
    image = svg_plot({"loss": [3, 2, math.nan, 1, math.nan, 0.5], "validation_loss": [4, 3, 2, 2, 2, 2]}, 4)
    root = ElementTree.fromstring(image)
    lines = [line.get("points").split() for line in root.iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [2, 6]
    assert len(list(root.iter(f"{SVG}circle"))) == 2  # values that stand alone
    heights = [float(point.split(",")[1]) for point in lines[1]]
    assert heights == sorted(heights)  # a loss that falls goes down the page
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"loss", "validation loss", "epoch", "1", "6", "dashed: best epoch, 4"} <= set(texts)
    assert len(svg_plot({"loss": np.arange(1, 1e6)})) < 20_000


def test_names_from_strangers_stay_text():
    curves = {NASTY: [1.0, 2.0]}
    text, image = text_plot(curves), svg_plot(curves)
    assert "`" not in text
    assert "<" not in text
    assert len(text.splitlines()) == 16
    root = ElementTree.fromstring(image)
    assert {part.tag.removeprefix(SVG) for part in root.iter()} <= {
        "svg", "title", "rect", "g", "line", "text", "polyline"
    }  # fmt: skip
    assert not any(name.startswith("on") or name.endswith("href") for part in root.iter() for name in part.attrib)
