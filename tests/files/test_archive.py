"""The outer file."""

import os
import stat
import zipfile

import pytest
import torch

from sklearn_ann import ModelFileError
from sklearn_ann.files.archive import opened, read, write
from sklearn_ann.files.tensors import Arrays


def nothing(path):
    """A check that finds nothing."""


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "a", b'{"some": "json"}', Arrays([torch.arange(6.0)]), nothing)
    return tmp_path / "a"


def test_what_is_written_is_read_and_the_tensors_are_aligned(path):
    with opened(path) as file:
        stored = read(file)
        assert stored.manifest == b'{"some": "json"}'
        assert stored.start % 64 == 0
        file.seek(stored.start + stored.size - 24)
        assert torch.equal(torch.frombuffer(bytearray(file.read(24)), dtype=torch.float32), torch.arange(6.0))


def test_it_is_a_zip_for_all_tools_with_the_permissions_of_a_new_file(path, tmp_path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "arrays.safetensors"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    (tmp_path / "other").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_a_failure_leaves_the_file_that_was_there(path, tmp_path, monkeypatch):
    before = path.read_bytes()

    class Broken(Arrays):
        def parts(self):
            yield self.header
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, b"{}", Broken([torch.zeros(3)]), nothing)
    assert path.read_bytes() == before

    def refuses(written):
        assert zipfile.ZipFile(written).read("manifest.json") == b"{}"
        raise ModelFileError("no")

    with pytest.raises(ModelFileError, match="no"):
        write(path, b"{}", Arrays([torch.zeros(3)]), refuses)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="links and permissions are those of POSIX")
def test_the_permissions_and_the_place_of_a_file_stay(path, tmp_path):
    path.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(path)
    write(link, b"{}", Arrays([torch.zeros(3)]), nothing)
    assert link.is_symlink()
    assert zipfile.ZipFile(path).read("manifest.json") == b"{}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o666)  # more than the umask would give
    write(path, b"{}", Arrays([torch.zeros(3)]), nothing)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


@pytest.mark.skipif(os.name != "posix", reason="pipes in folders are POSIX")
def test_what_is_no_place_for_a_file_is_refused(tmp_path):
    arrays = Arrays([torch.zeros(3)])
    with pytest.raises(IsADirectoryError, match="is a folder: expected the name of a file"):
        write(tmp_path, b"{}", arrays, nothing)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write(tmp_path / "no" / "a", b"{}", arrays, nothing)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a device or a pipe"):
        write(tmp_path / "pipe", b"{}", arrays, nothing)
    write(tmp_path / ("x" * 255), b"{}", arrays, nothing)  # the longest name that there may be


def test_what_no_check_foresees_is_told_with_the_path(path):
    with pytest.raises(ModelFileError, match=r"a cannot be opened as a model: it is damaged \(OSError"), opened(path):
        raise OSError
    with pytest.raises(KeyboardInterrupt), opened(path):
        raise KeyboardInterrupt


def test_two_zips_one_after_the_other(path):
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(ModelFileError, match="before its first member"), opened(path) as file:
        read(file)
