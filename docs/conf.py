"""Sphinx settings: built with warnings as errors by .ci/run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "lyapax"
copyright = "2026, the lyapax developers"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.extlinks",
    "sphinx.ext.napoleon",
    "sphinx.ext.doctest",
    "sphinx_gallery.gen_gallery",
    "mathml",
]
napoleon_google_docstring = False
# A list of attributes, not objects that would be there twice, or under the names of parameters.
napoleon_custom_sections = [("Attributes", "params_style")]
autodoc_typehints = "none"
# By address and not by inventory: pages are the same whether the network is there or not.
extlinks = {
    "numpy": ("https://numpy.org/doc/stable/reference/generated/numpy.%s.html", "numpy.%s"),
    "scipy": ("https://docs.scipy.org/doc/scipy/reference/generated/scipy.%s.html", "scipy.%s"),
    "torch": ("https://docs.pytorch.org/docs/stable/generated/torch.%s.html", "torch.%s"),
}
# The pictures are stored: to make all of them takes five minutes. Each script writes its own.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "ignore_pattern": r"__(init|main)__\.py",  # names that every package has
    "gallery_dirs": "gallery",
    "plot_gallery": False,
    "download_all_examples": False,
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    "show_signature": False,
}
# In plain backticks: links to what the API page describes.
default_role = "py:obj"
html_theme = "furo"
html_title = "lyapax"
html_math_renderer = "mathml"
html_theme_options = {"navigation_with_keys": True}
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
exclude_patterns = [
    "_build",
    "gallery/*.ipynb",
    "gallery/*.py",
    "gallery/sg_execution_times.rst",
    "sg_execution_times.rst",
]
suppress_warnings = ["config.cache"]
