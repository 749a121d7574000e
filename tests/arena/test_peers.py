"""What every contestant that comes with the arena keeps."""

from pathlib import Path

import pytest

from autoglm_arena import contestants, venvs

SCRIPTS = sorted(contestants.PEERS.glob("*.py"))
MODALITIES = {"table", "text", "image", "audio"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_says_what_it_is(script: Path):
    found = contestants.get(script.stem)
    assert found.about.endswith(".") and found.reads and set(found.reads) <= MODALITIES
    needs = venvs.dependencies(script)
    assert all("==" in need for need in needs if not need.startswith(venvs.OURS)), "exact versions only"
    torch = [i for i, need in enumerate(needs) if need.startswith("torch==")]
    wants_torch = [i for i, need in enumerate(needs) if need.startswith(("autogluon", "lightautoml"))]
    assert not wants_torch or (torch and torch[0] < wants_torch[0]), "else a torch for graphics cards comes"
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 50


def test_all_that_the_comparison_names_are_there():
    names = set(contestants.shipped())
    assert names >= {"autoglm", "autogluon-medium", "autogluon-best", "autogluon-best-v150", "autogluon-extreme"}
    assert names >= {"flaml", "flaml-ensemble", "lightautoml", "h2o", "tpot", "mljar"}
    assert names >= {"constant", "lightgbm", "forest", "linear"}
    assert [name for name in names if contestants.get(name).unreachable] == ["autogluon-extreme"]
