"""The operator's web console: templates and htmx, speaks only to ``api/``. Start at ``app.py`` and ``pages.py``."""
