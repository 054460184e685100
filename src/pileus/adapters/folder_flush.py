"""One thread that makes names durable for all who wait: each folder is flushed once per round."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable

from pileus.adapters.disk import flush_folder

Done = Callable[[OSError | None], None]


class FolderFlusher:
    """Flushes folders in rounds; whoever asks during a round is served by the next.

    Thread-safe. ``done`` callbacks run on the flusher's thread.
    """

    def __init__(self, name: str) -> None:
        self._asked: queue.SimpleQueue[tuple[str, Done] | None] = queue.SimpleQueue()
        self.flushes = 0
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def flush(self, folder: str, done: Done) -> None:
        """Call ``done`` with None once ``folder`` is durable, or with the error."""
        self._asked.put((folder, done))

    def close(self) -> None:
        """Serve what was asked, then end."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while True:
            first = self._asked.get()
            if first is None:
                return
            round_: dict[str, list[Done]] = defaultdict(list)
            round_[first[0]].append(first[1])
            is_last = False
            while not self._asked.empty():
                asked = self._asked.get()
                if asked is None:
                    is_last = True
                    break
                round_[asked[0]].append(asked[1])
            self._serve(round_)
            if is_last:
                return

    def _serve(self, round_: dict[str, list[Done]]) -> None:
        for folder, dones in round_.items():
            error: OSError | None = None
            try:
                flush_folder(folder)
                self.flushes += 1
            except FileNotFoundError:
                # Removed meanwhile, because its last name was deleted; that removal is made
                # durable in the folder above by whoever did it.
                pass
            except OSError as failure:
                error = failure
            for done in dones:
                done(error)
