"""How Sphinx builds the documentation; pictures and lists are made from the code first."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "docs" / "tools")]

import draw_architecture  # noqa: E402
import list_plugins  # noqa: E402

project = "Open-AutoGLM"
author = "The Open-AutoGLM authors"
copyright = "The Open-AutoGLM authors, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "_generated", "tools"]
html_theme = "furo"
html_title = "Open-AutoGLM"
html_theme_options = {"navigation_with_keys": True}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = False
napoleon_use_rtype = False

GENERATED = ROOT / "docs" / "_generated"
GENERATED.mkdir(exist_ok=True)
draw_architecture.write(ROOT, GENERATED)
list_plugins.write(ROOT, GENERATED)
