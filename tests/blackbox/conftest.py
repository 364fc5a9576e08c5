import os
import resource
import sys

os.environ["no_proxy"] = "*"  # nothing here may leave this machine
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# Some tests hold a thousand connections.
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: too slow for the run with sanitizers")
