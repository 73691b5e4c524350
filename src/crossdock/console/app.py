"""The console process's app: the API with the console's pages."""

from litestar import Litestar

from crossdock.api.app import create_api
from crossdock.api.desk import Desk
from crossdock.console.gate import GATE
from crossdock.console.hold_pages import PAGES as HOLD_PAGES
from crossdock.console.key_pages import PAGES as KEY_PAGES
from crossdock.console.pages import PAGES
from crossdock.console.rendering import problem_page
from crossdock.console.static_files import static_file


def create_app(desk: Desk, *, watch: bool = True) -> Litestar:
    """Everything the console process serves: pages, ``/api/v1``, ``/metrics``, ``/healthz``, ``/readyz``.

    ``watch``: read the figures every few seconds while nobody looks, so that the curves are there when somebody does.
    """
    return create_api(
        desk, pages=[*PAGES, *HOLD_PAGES, *KEY_PAGES, *GATE, static_file], problem_page=problem_page, watch=watch
    )
