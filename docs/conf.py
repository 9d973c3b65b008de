"""Sphinx settings: built with warnings as errors by .ci/run."""

project = "lyapax"
copyright = "2026, the lyapax developers"
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.doctest",
]
napoleon_google_docstring = False
autodoc_typehints = "none"
html_theme = "alabaster"
exclude_patterns = ["_build"]
