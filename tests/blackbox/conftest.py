import os
import sys

os.environ["no_proxy"] = "*"  # nothing here may leave this machine
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: too slow for the run with sanitizers")
