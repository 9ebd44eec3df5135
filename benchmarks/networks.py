"""Parameters of each network, and what one 512 x 512 image costs on one thread.

    python benchmarks/networks.py

Seconds are those of the processor, the least of several passes, so that other work on the machine
counts little. All have depth 4, width 16 and three classes.
"""

import argparse
import time

import pandas as pd
import torch

from softlight.config import ModelConfig
from softlight.evaluate.table import markdown_table
from softlight.models.registry import MODELS, build_model


def seconds(network: torch.nn.Module, image: torch.Tensor, *, bf16: bool, passes: int) -> float:
    """Processor seconds of the quickest pass."""
    found = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        network(image)
        for _ in range(passes):
            began = time.process_time()
            network(image)
            found.append(time.process_time() - began)
    return min(found)


def row(name: str, options: argparse.Namespace) -> dict[str, object]:
    """What one network has and takes."""
    config = ModelConfig(name=name, depth=4, width=options.width, out_channels=3)
    network = build_model(config).eval().to(memory_format=torch.channels_last)
    image = torch.rand(1, 1, options.side, options.side).to(memory_format=torch.channels_last)
    return {
        "network": name,
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": seconds(network, image, bf16=False, passes=options.passes),
        "seconds, bf16": seconds(network, image, bf16=True, passes=options.passes),
    }


def main() -> None:
    """Time every network and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--passes", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(markdown_table(pd.DataFrame([row(name, options) for name in MODELS]), digits=2))


if __name__ == "__main__":
    main()
