from tests.queue.conftest import queue

__all__ = ["queue"]
