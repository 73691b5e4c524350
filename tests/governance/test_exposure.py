"""What Crossdock will not start with, said before anything listens."""

from pathlib import Path

import pytest

from crossdock.governance.config import ServeSetup
from crossdock.governance.exposure import Insecure, refuse_insecure


def test_tls_files_that_are_not_there_are_told_before_the_start(tmp_path: Path) -> None:
    key = tmp_path / "tls.key"
    key.write_text("key")
    key.chmod(0o600)
    serve = ServeSetup(tls_certificate=str(tmp_path / "tls.pem"), tls_key=str(key))
    with pytest.raises(Insecure, match=r"tls\.pem is not there"):
        refuse_insecure(serve, {})
    (tmp_path / "tls.pem").write_text("certificate")
    refuse_insecure(serve, {})
