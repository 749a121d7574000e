"""The plots are well-formed, say what they show, and no two labels lie on each other."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from autoglm_arena import plots

NAMES = [f"contestant-{i}" for i in range(18)]
CLOSE = {name: (10 + i / 100, 0.2 + i / 1000) for i, name in enumerate(NAMES)}
PICTURES = {
    "bars": plots.bars({name: i + 1.0 for i, name in enumerate(NAMES)}, "mean rank", mine=NAMES[3]),
    "critical": plots.critical_difference(
        {name: 9 + i / 50 for i, name in enumerate(NAMES)}, [NAMES[:9], NAMES[5:]], 3.2, mine=NAMES[0]
    ),
    "scatter": plots.scatter(CLOSE, NAMES[:2], mine=NAMES[5]),
    "dots": plots.dots({f"data-{i}": dict.fromkeys(NAMES, 0.5) for i in range(5)}, mine=NAMES[0]),
}


def texts(svg: str) -> list[tuple[float, float, float, float, str]]:
    """Boxes of all upright labels: left, top, right, bottom, words."""
    found = []
    for element in ElementTree.fromstring(svg).iter("text"):
        if "transform" in element.attrib:
            continue
        words = "".join(element.itertext()).removeprefix(element[0].text or "" if len(element) else "")
        x, y = float(element.attrib["x"]), float(element.attrib["y"])
        width = len(words) * plots.LETTER
        style = element.attrib["class"].split()
        left = x - width if "end" in style else x - width / 2 if "mid" in style else x
        found.append((left, y - 11, left + width, y + 3, words))
    return found


@pytest.mark.parametrize("kind", PICTURES)
def test_no_two_labels_overlap_and_all_lie_inside(kind: str) -> None:
    svg = PICTURES[kind]
    height = float(re.findall(r'viewBox="0 0 900 (\d+)"', svg)[0])
    boxes = texts(svg)
    assert len(boxes) > 18
    for a, b in itertools.combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)
    for left, top, right, bottom, words in boxes:
        assert left >= 0 and top >= -1 and right <= plots.WIDTH and bottom <= height, words


@pytest.mark.parametrize("kind", PICTURES)
def test_every_contestant_is_named(kind: str) -> None:
    words = [box[4] for box in texts(PICTURES[kind])]
    assert all(words.count(name) == 1 for name in NAMES)


def test_the_best_bar_is_to_scale() -> None:
    found = plots.bars({"a": 1.0, "b": 4.0}, "rank")
    widths = [float(e.attrib["width"]) for e in ElementTree.fromstring(found).iter("rect")]
    assert widths[1] == pytest.approx(4 * widths[0], abs=0.2)


def test_seconds_are_logarithmic() -> None:
    found = plots.scatter({"a": (1, 0.1), "b": (10, 0.2), "c": (100, 0.0)}, ["a"])
    place = {
        (circle[0].text or "").split(":")[0]: float(circle.attrib["cx"])
        for circle in ElementTree.fromstring(found).iter("circle")
    }
    assert place["b"] - place["a"] == pytest.approx(place["c"] - place["b"], abs=0.2)


def test_names_are_escaped_and_cut() -> None:
    found = plots.bars({"<script>": 1.0, "n" * 60: 2.0}, "rank")
    assert "<script>" not in found and "&lt;script&gt;" in found
    assert "n" * 25 + "…" in found


def test_nothing_to_draw() -> None:
    assert plots.scatter({}, []) == ""
    for svg in (plots.bars({}, "rank"), plots.dots({}), plots.bars({"a": 0.0}, "rank")):
        ElementTree.fromstring(svg)


def test_spread() -> None:
    assert plots.spread([10, 11, 12], 5, 0, 100) == [10, 15, 20]
    assert plots.spread([90, 95, 99], 5, 0, 100) == [90, 95, 100]
    assert plots.spread([98, 99, 99], 5, 0, 100) == [90, 95, 100]
    assert plots.spread([1, 1], 50, 0, 10) == [0, 50]  # they do not fit: they still keep apart


def test_ticks_are_round() -> None:
    assert plots.ticks(1.0) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert plots.ticks(0.296) == [0, 0.1, 0.2]
    assert plots.ticks(0.012) == [0, 0.0025, 0.005, 0.0075, 0.01]


def test_the_front_is_a_staircase() -> None:
    found = plots.scatter({"a": (1, 0.4), "b": (10, 0.2), "c": (10, 0.3)}, ["a", "b"])
    line = re.findall(r'class="front" d="(.*?)"', found)[0]
    assert re.fullmatch(r"M[\d.]+ [\d.]+H[\d.]+V[\d.]+", line)
