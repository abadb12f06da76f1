#!/usr/bin/python3
"""Compares a trained fashion_mlp with PyTorch: loads the safetensors file into a torch model of the
same shape, evaluates the 10,000 test images, and sets its logits beside the library's.

    build/examples/fashion_mlp --load fashion_mlp.safetensors --logits logits.f32
    tools/compare_pytorch.py [--data FOLDER] fashion_mlp.safetensors logits.f32

The test images are in FOLDER; else in that of the environment's FASHION_MNIST_DIR; else in that of
Debian's package dataset-fashion-mnist. Needs Debian's python3-torch and python3-numpy. Exits 1 when
a logit differs by more than 1e-4, or a prediction where PyTorch's two best logits differ by more
than that."""
import argparse
import gzip
import json
import os
import struct
import sys

import numpy
import torch

DATA = os.environ.get("FASHION_MNIST_DIR") or "/usr/share/datasets/fashion-mnist"
BOUND = 1e-4


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    types = {"F32": numpy.float32, "I64": numpy.int64}
    header.pop("__metadata__", None)
    return {
        name: torch.from_numpy(
            numpy.frombuffer(data[slice(*entry["data_offsets"])], types[entry["dtype"]])
            .reshape(entry["shape"]).copy())
        for name, entry in header.items()
    }


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(784, 256)
        self.bn1 = torch.nn.BatchNorm1d(256)
        self.fc2 = torch.nn.Linear(256, 128)
        self.bn2 = torch.nn.BatchNorm1d(128)
        self.fc3 = torch.nn.Linear(128, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.fc1(x)))
        x = torch.relu(self.bn2(self.fc2(x)))
        return self.fc3(x)


def read_idx(folder, name, header_bytes):
    """The values of FOLDER/NAME.gz or, as in fashion_mlp, of the plain file where there is none."""
    path = os.path.join(folder, name)
    packed = os.path.exists(path + ".gz")
    with gzip.open(path + ".gz") if packed else open(path, "rb") as file:
        return numpy.frombuffer(file.read()[header_bytes:], numpy.uint8)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FOLDER", default=DATA)
    parser.add_argument("network", help="what fashion_mlp saved")
    parser.add_argument("logits", help="what fashion_mlp --logits wrote")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    model = Model()
    model.load_state_dict(read_safetensors(arguments.network), strict=True)
    model.eval()
    images = read_idx(arguments.data, "t10k-images-idx3-ubyte", 16).reshape(-1, 784)
    labels = torch.from_numpy(
        read_idx(arguments.data, "t10k-labels-idx1-ubyte", 8).astype("int64"))
    pixels = torch.from_numpy(images.astype("float32"))
    with torch.no_grad():
        theirs = model((pixels / 255 - 0.2860) / 0.3530)
    ours = torch.from_numpy(numpy.fromfile(arguments.logits, numpy.float32).reshape(-1, 10))
    difference = (ours - theirs).abs().max().item()
    best = theirs.topk(2).values
    clear = best[:, 0] - best[:, 1] > BOUND
    changed = ((ours.argmax(1) != theirs.argmax(1)) & clear).sum().item()
    accuracy = (theirs.argmax(1) == labels).float().mean().item()
    print(f"images {len(ours)}  largest difference of a logit {difference:.3g}  "
          f"predictions that differ {changed}  PyTorch's accuracy {accuracy:.4f}")
    sys.exit(0 if difference <= BOUND and changed == 0 else 1)


main()
