"""The text of the generated reference pages, one module for each kind of source. ``scripts/reference.py`` writes them.

Start at ``markdown.py``. Whatever imports Crossdock does so where it is needed: a page costs only what it is made from.
"""
