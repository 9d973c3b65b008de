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
# A list of attributes, not objects that would be there twice, or under the names of parameters.
napoleon_custom_sections = [("Attributes", "params_style")]
autodoc_typehints = "none"
html_theme = "alabaster"
exclude_patterns = ["_build"]
