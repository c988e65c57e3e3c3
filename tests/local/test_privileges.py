"""How servers are started as root, and as anybody else."""

import os
from pathlib import Path

import pytest

from local.privileges import start_as


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops privileges")
def test_root_becomes_nobody_where_nobody_may_go(tmp_path: Path) -> None:
    open_folder = Path("/tmp")
    assert start_as(open_folder).options["user"] != 0
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    chosen = start_as(closed)
    assert chosen.options == {}
    assert "--map-user=65534" in chosen.prefix


@pytest.mark.skipif(os.geteuid() == 0, reason="for everybody but root")
def test_a_plain_user_starts_as_itself(tmp_path: Path) -> None:
    chosen = start_as(tmp_path)
    assert (list(chosen.prefix), chosen.options) == ([], {})
