import os
import resource
import subprocess
import sys

import pytest

os.environ["no_proxy"] = "*"  # nothing here may leave this machine
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# Some tests hold a thousand connections.
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: too slow for the run with sanitizers")


@pytest.fixture
def small_disk(tmp_path, request):
    """A folder on a file system of its own, of 2 MiB or what the test's parameter says."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small tmpfs")
    folder = tmp_path / "small"
    folder.mkdir()
    size = getattr(request, "param", "2m")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
