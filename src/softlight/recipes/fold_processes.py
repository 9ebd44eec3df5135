"""Several folds at a time, each in a process of its own, with a part of the cores or a GPU."""

from __future__ import annotations

import os
import pickle
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import torch
from torch import nn

from softlight.training.callbacks import Callback, Row

LEAST_S_BETWEEN = 30.0  # lines of one fold
GPUS = "CUDA_VISIBLE_DEVICES"
Work = tuple[str, str, Any]  # (name, what is said when it begins, what is handed to the function)
Does = Callable[[Any, Sequence[Callback]], None]


class FoldError(ValueError):
    """A fold could not be finished; the message names it and says why."""


@dataclass
class _Running:
    name: str
    process: SpawnProcess
    pipe: Connection
    slot: int
    error: str = ""
    done: bool = False


class _Telling(Callback):
    """Sends what happens in a fold to the process that waits for it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._said_s = -LEAST_S_BETWEEN

    def epoch(self, history: list[Row], network: nn.Module) -> None:  # noqa: ARG002
        """Say now and then how far it is."""
        if time.monotonic() - self._said_s < LEAST_S_BETWEEN:
            return
        self._said_s = time.monotonic()
        row = history[-1]
        self._pipe.send(("said", f"epoch {row['epoch']:g}, validation loss {row['val_loss']:.4f}"))

    def warned(self, message: str) -> None:
        """Pass it on."""
        self._pipe.send(("said", message))


def run_in_processes(
    does: Does,
    works: Sequence[Work],
    *,
    jobs: int,
    device: str,
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Do every piece of work, so many at a time; the first error ends all, and is raised here.

    What a process had finished stays on disk. The threads of this process are divided among them,
    and where there are several GPUs each process sees one of them.

    Args:
        does: done in each process, with the last item of its work and callbacks.
        works: (name, what is said when it begins, what is handed on).
        jobs: processes at a time.
        device: of the recipe: "cpu" leaves the GPUs alone.
        note: told what begins, how it goes and what is finished.
    """
    for name, _, item in works:
        _check_can_be_sent(name, item)
    jobs = min(jobs, len(works))
    threads = max(1, torch.get_num_threads() // jobs)
    gpus = _gpus() if device in ("auto", "cuda") else []
    waiting = list(works)
    running: list[_Running] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name, said, item = waiting.pop(0)
                note(said)
                slot = min(set(range(jobs)) - {each.slot for each in running})
                gpu = gpus[slot % len(gpus)] if len(gpus) > 1 else None
                running.append(_start(does, name, item, slot, threads=threads, gpu=gpu))
            _hear(running, note)
            running = [each for each in running if not each.done]
    finally:
        for each in running:
            each.process.terminate()
        for each in running:
            each.process.join()


def _check_can_be_sent(name: str, item: Any) -> None:
    try:
        pickle.dumps(item)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise FoldError(
            f"The images of {name} cannot be handed to another process ({error}). Run one fold at "
            "a time (--jobs 1)."
        ) from None


def _gpus() -> list[str]:
    """The GPUs that this process may use, by the names that another process knows them by."""
    number = torch.cuda.device_count()
    named = [name for name in os.environ.get(GPUS, "").split(",") if name.strip()]
    return named[:number] if named else [str(index) for index in range(number)]


def _start(
    does: Does, name: str, item: Any, slot: int, *, threads: int, gpu: str | None
) -> _Running:
    context = get_context("spawn")  # a fork would share the threads of torch, which then hang
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(
        target=_work, args=(does, item, sending, threads, gpu), name=name, daemon=True
    )
    process.start()
    sending.close()  # so that the end of the process is the end of the pipe
    return _Running(name, process, receiving, slot)


def _work(does: Does, item: Any, pipe: Connection, threads: int, gpu: str | None) -> None:
    """What the process does: everything it has to say goes through the pipe."""
    if gpu is not None:
        os.environ[GPUS] = gpu
    torch.set_num_threads(threads)
    try:
        does(item, [_Telling(pipe)])
        pipe.send(("finished", ""))
    except KeyboardInterrupt:
        pass  # the process that waits was interrupted too
    except ValueError as error:
        pipe.send(("failed", str(error)))
    except Exception:  # noqa: BLE001  told whole to the process that waits
        pipe.send(("broken", traceback.format_exc()))


def _hear(running: Sequence[_Running], note: Callable[[str], None]) -> None:
    """Wait for something to be said, and pass it on; an error of a fold is raised."""
    by_pipe = {id(each.pipe): each for each in running}
    for ready in wait([each.pipe for each in running]):
        each = by_pipe[id(ready)]
        try:
            kind, message = each.pipe.recv()
        except EOFError:
            each.process.join()
            if not each.done:
                raise FoldError(
                    f"The process of {each.name} ended without a word (exit code "
                    f"{each.process.exitcode}); memory may have run out. Ask for fewer jobs."
                ) from None
            continue
        if kind == "said":
            note(f"{each.name}: {message}")
        elif kind == "finished":
            note(f"{each.name}: finished")
            each.process.join()
            each.pipe.close()
            each.done = True
        elif kind == "failed":
            raise FoldError(f"{each.name}: {message}")
        else:
            raise RuntimeError(f"{each.name}:\n{message}")
