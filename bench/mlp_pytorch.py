#!/usr/bin/python3
"""The network of examples/fashion_model.c in PyTorch on the CPU, timed, for bench/mlp. Its
argument: how many threads.

Standard output begins with a line: what this is, or "!" and why it cannot be used. Then, for each
line on standard input, comes one line:
  prepare train BATCH          "ok", or "!" and why not: a step of training is what is run
  prepare eval BATCH           a forward pass in eval mode
  prepare epoch BATCH IMAGES   training on all images, in an order of its own each time, with the
                               mean of the losses and the accuracy
  run CALLS                    seconds of all these calls together

Written as PyTorch's own tutorials write it, with the faster way to clear gradients. The images lie
in one tensor: a DataLoader would put them together one by one."""
import sys
import time

PIXELS, CLASSES = 28 * 28, 10


class Training:
    """The model, its loss and its optimizer."""

    def __init__(self, torch):
        nn = torch.nn
        self.torch = torch
        self.model = nn.Sequential(
            nn.Linear(PIXELS, 256), nn.BatchNorm1d(256), nn.ReLU(),
            nn.Linear(256, 128), nn.BatchNorm1d(128), nn.ReLU(),
            nn.Linear(128, CLASSES),
        )
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)

    def step(self, images, labels):
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(images)
        loss = self.loss(logits, labels)
        loss.backward()
        self.optimizer.step()
        return logits, loss

    def epoch(self, images, labels, batch):
        order = self.torch.randperm(len(images))
        total, correct = 0.0, 0
        for chosen in order.split(batch):
            target = labels[chosen]
            logits, loss = self.step(images[chosen], target)
            total += loss.item() * len(chosen)
            correct += (logits.argmax(1) == target).sum().item()
        return total / len(images), correct / len(images)

    def evaluate(self, images):
        with self.torch.no_grad():
            return self.model(images)


def prepare(torch, what, batch, images=None):
    """What makes a call."""
    training = Training(torch)
    x = torch.rand(images or batch, PIXELS) * 2 - 1
    labels = torch.arange(len(x)) % CLASSES
    if what == "epoch":
        return lambda: training.epoch(x, labels, batch)
    if what == "train":
        return lambda: training.step(x, labels)
    training.model.eval()
    return lambda: training.evaluate(x)


def seconds_of(call, calls):
    begin = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - begin


def main():
    try:
        import torch
    except ImportError as error:
        print(f"!{sys.executable}: {error}", flush=True)
        return
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    print(f"PyTorch {torch.__version__}, CPU, threads: {torch.get_num_threads()}", flush=True)
    call = None
    for line in sys.stdin:
        what, *words = line.split()
        if what == "run":
            print(repr(seconds_of(call, int(words[0]))), flush=True)
            continue
        try:
            call = prepare(torch, words[0], *[int(word) for word in words[1:]])
            print("ok", flush=True)
        except RuntimeError as error:
            print("!" + str(error).split("\n", maxsplit=1)[0][:200], flush=True)


main()
