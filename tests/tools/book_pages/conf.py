"""How Sphinx builds the web book; `tests/tools/book.py` calls it."""

project = html_title = "mnistgan"
extensions = ["myst_nb"]
nb_execution_mode = "off"  # the notebooks were run by the tests
nb_ipywidgets_js: dict = {}  # stills stand where widgets were
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_merge_streams = True
nb_render_markdown_format = "myst"
myst_enable_extensions: list = []
myst_heading_anchors = 4  # the same as GitHub's
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_extra_path = ["extra"]
html_copy_source = html_show_sphinx = html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}
