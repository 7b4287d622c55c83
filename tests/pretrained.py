"""Networks whose trained weights are among the real data sets: an antibody language model and a ResNet-20."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

START, PAD, END, UNKNOWN = range(4)


def antibody_codes(sequence):
    """Return the codes of a sequence between its two end tokens; ``*`` stands for a masked letter."""
    place = {letter: 4 + number for number, letter in enumerate(Antibody.alphabet)} | {"*": 4 + len(Antibody.alphabet)}
    return [START, *(place.get(letter, UNKNOWN) for letter in sequence), END]


class Antibody(nn.Module):
    """The encoder of Sapiens (Prihoda et al. 2022): post-norm blocks, learned positions, a head that shares weights."""

    alphabet = "ACDEFGHIKLMNPQRSTVWY"

    def __init__(self, n_tokens, n_positions, width=128, n_layers=4, n_heads=8):
        super().__init__()
        self.embed_tokens = nn.Embedding(n_tokens, width, padding_idx=PAD)
        self.embed_positions = nn.Embedding(n_positions, width, padding_idx=PAD)
        self.emb_layer_norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, n_heads, 2 * width, 0.0, nn.functional.gelu, batch_first=True)
            for _ in range(n_layers)
        )
        self.dense, self.layer_norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(n_tokens))

    def forward(self, codes):
        """Map codes of shape (batch, length) to logits of shape (batch, length, n_tokens)."""
        positions = torch.arange(codes.shape[1], device=codes.device) + PAD + 1
        x = self.emb_layer_norm(self.embed_tokens(codes) + self.embed_positions(positions))
        for layer in self.layers:
            x = layer(x)
        return self.layer_norm(nn.functional.gelu(self.dense(x))) @ self.embed_tokens.weight.T + self.bias


class BasicBlock(nn.Module):
    """A block of two convolutions; where it halves the map, the shortcut skips positions and pads channels."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out)
        self.conv2, self.bn2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out)
        self.stride, self.padding = stride, (n_out - n_in) // 2

    def forward(self, x):
        """Map (batch, n_in, h, w) to (batch, n_out, h / stride, w / stride)."""
        shortcut = x[:, :, :: self.stride, :: self.stride]
        shortcut = nn.functional.pad(shortcut, (0, 0, 0, 0, self.padding, self.padding))
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + shortcut)


class ResNet20(nn.Module):
    """The ResNet-20 for images of 32 x 32 (He et al. 2016, section 4.2)."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        for number, (n_in, n_out) in enumerate([(16, 16), (16, 32), (32, 64)], start=1):
            blocks = [
                BasicBlock(n_in if i == 0 else n_out, n_out, 2 if i == 0 and n_in != n_out else 1) for i in range(3)
            ]
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        """Map images of shape (batch, 3, 32, 32) to logits of the ten classes."""
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean(dim=(2, 3)))


def as_cifar(image):
    """Return an image (height, width, 3) of numbers from 0 to 255 as the ResNet was trained to read it."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return ((np.asarray(image) / 255 - mean) / std).transpose(2, 0, 1)


def antibody(path: Path):
    """Return the architecture and the weights in a file of Sapiens, renamed from fairseq's names to torch's."""
    state = {}
    with np.load(path) as arrays:
        given = {name.removeprefix("decoder.").removeprefix("sentence_encoder."): arrays[name] for name in arrays}
    for name, array in given.items():
        if name == "lm_head.weight":  # the embedding once more
            continue
        if "_proj" in name and "out_proj" not in name:
            if "q_proj" in name:
                parts = [given[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
                state[name.replace("q_proj.", "in_proj_")] = np.concatenate(parts)
            continue
        for old, new in (
            ("lm_head.", ""),
            ("self_attn_layer_norm", "norm1"),
            ("final_layer_norm", "norm2"),
            ("fc1", "linear1"),
            ("fc2", "linear2"),
        ):
            name = name.replace(old, new)
        state[name] = array
    n_tokens, n_positions = len(given["embed_tokens.weight"]), len(given["embed_positions.weight"])
    return lambda: Antibody(n_tokens, n_positions), state
