"""Networks of the corpus that are written out in plain torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Tagger(nn.Module):
    """Embedding, recurrent layers, one label a token."""

    def __init__(self, cell: str, bidirectional: bool = False, layers: int = 1) -> None:
        super().__init__()
        self.table = nn.Embedding(500, 48)
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}[cell]
        self.layers = kind(48, 64, layers, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(64 * (2 if bidirectional else 1), 17)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.layers(self.table(tokens))[0])


class ForecastGRU(nn.Module):
    """A GRU cell stepped by hand over a fixed number of steps."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(6, 32)
        self.head = nn.Linear(32, 1)

    def forward(self, series: Tensor) -> Tensor:
        state = series.new_zeros(series.shape[0], 32)
        for step in range(8):
            state = self.cell(series[:, step], state)
        return self.head(state)


class Seq2SeqAttention(nn.Module):
    """Two LSTMs with Luong attention between them."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(300, 32), nn.Embedding(200, 32)
        self.encoder = nn.LSTM(32, 40, batch_first=True)
        self.decoder = nn.LSTM(32, 40, batch_first=True)
        self.bridge, self.head = nn.Linear(40, 40, bias=False), nn.Linear(80, 200)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, state = self.encoder(self.source(source))
        found, _ = self.decoder(self.target(target), state)
        weights = torch.softmax(self.bridge(found) @ memory.transpose(1, 2), -1)
        return self.head(torch.cat([found, weights @ memory], -1))


class GCN(nn.Module):
    """Graph convolutions by index_add, normalised by degree."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(32, 64, bias=False), nn.Linear(64, 7, bias=False)

    def spread(self, x: Tensor, edges: Tensor) -> Tensor:
        source, target = edges[0], edges[1]
        degree = torch.zeros_like(x[:, 0]).index_add(
            0, target, torch.ones_like(target, dtype=x.dtype)
        )
        scale = degree.clamp(min=1).rsqrt()
        message = x[source] * (scale[source] * scale[target])[:, None]
        return torch.zeros_like(x).index_add(0, target, message)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        hidden = torch.relu(self.spread(self.first(x), edges))
        return self.spread(self.second(hidden), edges)


class GAT(nn.Module):
    """Graph attention with a softmax over every node's edges, by scatter_add."""

    def __init__(self) -> None:
        super().__init__()
        self.heads, self.width = 4, 16
        self.project = nn.Linear(32, 64, bias=False)
        self.left = nn.Parameter(torch.randn(4, 16))
        self.right = nn.Parameter(torch.randn(4, 16))
        self.head = nn.Linear(64, 7)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        source, target = edges[0], edges[1]
        h = self.project(x).view(-1, self.heads, self.width)
        score = (h * self.left).sum(-1)[source] + (h * self.right).sum(-1)[target]
        score = F.leaky_relu(score, 0.2).exp()
        index = target[:, None].expand(-1, self.heads)
        total = torch.zeros_like(h[..., 0]).scatter_add(0, index, score)
        weight = score / total[target]
        message = h[source] * weight[..., None]
        spread = target[:, None, None].expand(-1, self.heads, self.width)
        out = torch.zeros_like(h).scatter_add(0, spread, message)
        return self.head(F.elu(out.flatten(1)))


class GraphSAGE(nn.Module):
    """A fixed number of sampled neighbours a node, gathered and averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.own1, self.near1 = nn.Linear(32, 64), nn.Linear(32, 64, bias=False)
        self.own2, self.near2 = nn.Linear(64, 7), nn.Linear(64, 7, bias=False)

    def forward(self, x: Tensor, neighbours: Tensor) -> Tensor:
        h = torch.relu(self.own1(x) + self.near1(x[neighbours].mean(1)))
        return self.own2(h) + self.near2(h[neighbours].mean(1))


class GINBatched(nn.Module):
    """Graph isomorphism network over dense adjacency matrices, a batch of graphs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(w, 48), nn.ReLU(), nn.Linear(48, 48)) for w in (16, 48, 48)
        )
        self.epsilon = nn.Parameter(torch.zeros(3))
        self.head = nn.Linear(48, 2)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        for position, layer in enumerate(self.layers):
            x = layer((1 + self.epsilon[position]) * x + adjacency @ x)
        return self.head(x.sum(1))


class DLRM(nn.Module):
    """Dense features and bags of categories, pairwise inner products, a tower on top."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.EmbeddingBag(n, 16, mode="sum") for n in (1000, 500, 200))
        self.bottom = nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 16), nn.ReLU())
        self.top = nn.Sequential(nn.Linear(16 + 6, 64), nn.ReLU(), nn.Linear(64, 1))
        self.register_buffer("pairs", torch.tril_indices(4, 4, -1), persistent=False)

    def forward(self, dense: Tensor, categories: Tensor) -> Tensor:
        x = self.bottom(dense)
        found = [table(categories[:, i]) for i, table in enumerate(self.tables)]
        stacked = torch.stack([x, *found], 1)
        products = stacked @ stacked.transpose(1, 2)
        return torch.sigmoid(self.top(torch.cat([x, products[:, self.pairs[0], self.pairs[1]]], 1)))


class DeepFM(nn.Module):
    """Factorisation machine beside a deep tower over the same embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Embedding(2000, 1), nn.Embedding(2000, 12)
        self.deep = nn.Sequential(
            nn.Linear(120, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 1)
        )

    def forward(self, fields: Tensor) -> Tensor:
        e = self.second(fields)
        pairwise = 0.5 * (e.sum(1).pow(2) - e.pow(2).sum(1)).sum(1, keepdim=True)
        return torch.sigmoid(self.first(fields).sum(1) + pairwise + self.deep(e.flatten(1)))


class WideAndDeep(nn.Module):
    """A linear model over crossed indicators beside a tower over embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(200, 1)
        self.tables = nn.ModuleList(nn.Embedding(n, 8) for n in (50, 100, 30, 20))
        self.deep = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, crossed: Tensor, categories: Tensor) -> Tensor:
        x = torch.cat([table(categories[:, i]) for i, table in enumerate(self.tables)], 1)
        return torch.sigmoid(self.wide(crossed) + self.deep(x))


class NCF(nn.Module):
    """Neural collaborative filtering: a product of embeddings beside a tower."""

    def __init__(self) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(300, 48), nn.Embedding(700, 48)
        self.tower = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
        self.head = nn.Linear(32, 1)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        u, i = self.user(user), self.item(item)
        product = u[:, :16] * i[:, :16]
        return self.head(torch.cat([product, self.tower(torch.cat([u[:, 16:], i[:, 16:]], 1))], 1))


class SelfAttentionRecommender(nn.Module):
    """SASRec: torch's own transformer layers with a causal mask, items scored by the table."""

    def __init__(self) -> None:
        super().__init__()
        self.items, self.places = nn.Embedding(800, 48), nn.Embedding(64, 48)
        layer = nn.TransformerEncoderLayer(48, 4, 96, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        mask = torch.triu(torch.full((20, 20), float("-inf")), 1)
        self.register_buffer("mask", mask)

    def forward(self, items: Tensor) -> Tensor:
        x = self.items(items) + self.places.weight[:20]
        return self.layers(x, mask=self.mask) @ self.items.weight.t()


class ResidualBlock(nn.Module):
    """The block of a diffusion network: two convolutions with the time between them."""

    def __init__(self, inside: int, outside: int, time: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, inside), nn.GroupNorm(8, outside)
        self.conv1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1)
        self.time = nn.Linear(time, outside)
        self.skip = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class PixelAttention(nn.Module):
    """Self-attention over the pixels of a feature map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.qkv, self.out = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape
        q, k, v = self.qkv(self.norm(x)).flatten(2).chunk(3, 1)
        weight = torch.softmax(q.transpose(1, 2) @ k * shape[1] ** -0.5, -1)
        return x + self.out((v @ weight.transpose(1, 2)).reshape(shape))


class DiffusionUNet(nn.Module):
    """A DDPM's U-Net with sinusoidal time and attention at the lower resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 32
        self.time = nn.Sequential(nn.Linear(32, 128), nn.SiLU(), nn.Linear(128, 128))
        self.enter = nn.Conv2d(3, 32, 3, padding=1)
        self.down1, self.down2 = ResidualBlock(32, 32, 128), ResidualBlock(32, 64, 128)
        self.shrink = nn.Conv2d(32, 32, 3, stride=2, padding=1)
        self.middle, self.attention = ResidualBlock(64, 64, 128), PixelAttention(64)
        self.up2, self.up1 = ResidualBlock(128, 32, 128), ResidualBlock(64, 32, 128)
        self.norm, self.leave = nn.GroupNorm(8, 32), nn.Conv2d(32, 3, 3, padding=1)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        rates = torch.exp(torch.arange(16, dtype=x.dtype) * (-math.log(10000) / 15))
        angles = step.to(x.dtype)[:, None] * rates[None]
        time = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        first = self.down1(self.enter(x), time)
        second = self.down2(self.shrink(first), time)
        h = self.attention(self.middle(second, time))
        h = F.interpolate(self.up2(torch.cat([h, second], 1), time), scale_factor=2.0)
        return self.leave(F.silu(self.norm(self.up1(torch.cat([h, first], 1), time))))


class ConvVAE(nn.Module):
    """Variational autoencoder with transposed convolutions; the noise is an input."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 32, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.mean, self.spread = nn.Linear(64 * 64, 32), nn.Linear(64 * 64, 32)
        self.enter = nn.Linear(32, 64 * 64)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1)
        )

    def forward(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x)
        mean, spread = self.mean(h), self.spread(h)
        z = mean + noise * torch.exp(0.5 * spread)
        return self.decoder(self.enter(z).view(-1, 64, 8, 8)).sigmoid(), mean, spread


class DCGANGenerator(nn.Module):
    """Transposed convolutions with batch normalization between them."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in ((64, 128), (128, 64), (64, 32)):
            stride, padding = (1, 0) if inside == 64 and outside == 128 else (2, 1)
            layers += [nn.ConvTranspose2d(inside, outside, 4, stride, padding, bias=False)]
            layers += [nn.BatchNorm2d(outside), nn.ReLU(True)]
        layers += [nn.ConvTranspose2d(32, 3, 4, 2, 1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class DCGANDiscriminator(nn.Module):
    """Strided convolutions, leaky rectifiers, spectral normalization of the first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 1, 8, 1, 0, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).flatten(1)


class UNet(nn.Module):
    """U-Net in two or three dimensions."""

    def __init__(self, dimensions: int, width: int = 16) -> None:
        super().__init__()
        self.conv = (nn.Conv2d, nn.Conv3d)[dimensions - 2]
        self.norm = (nn.BatchNorm2d, nn.InstanceNorm3d)[dimensions - 2]
        self.pool = (nn.MaxPool2d, nn.MaxPool3d)[dimensions - 2](2)
        up = (nn.ConvTranspose2d, nn.ConvTranspose3d)[dimensions - 2]
        w = width
        self.down1, self.down2 = self.block(1, w), self.block(w, 2 * w)
        self.bottom = self.block(2 * w, 4 * w)
        self.raise2, self.raise1 = up(4 * w, 2 * w, 2, 2), up(2 * w, w, 2, 2)
        self.up2, self.up1 = self.block(4 * w, 2 * w), self.block(2 * w, w)
        self.head = self.conv(w, 4, 1)

    def block(self, inside: int, outside: int) -> nn.Module:
        return nn.Sequential(
            self.conv(inside, outside, 3, padding=1),
            self.norm(outside),
            nn.ReLU(),
            self.conv(outside, outside, 3, padding=1),
            self.norm(outside),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        a = self.down1(x)
        b = self.down2(self.pool(a))
        c = self.bottom(self.pool(b))
        b = self.up2(torch.cat([self.raise2(c), b], 1))
        return self.head(self.up1(torch.cat([self.raise1(b), a], 1)))


class WaveNet(nn.Module):
    """Dilated causal convolutions with gates and skips."""

    def __init__(self, layers: int = 6) -> None:
        super().__init__()
        self.enter = nn.Conv1d(1, 24, 1)
        self.gates = nn.ModuleList(nn.Conv1d(24, 48, 2, dilation=2**i) for i in range(layers))
        self.residuals = nn.ModuleList(nn.Conv1d(24, 24, 1) for _ in range(layers - 1))
        self.skips = nn.ModuleList(nn.Conv1d(24, 32, 1) for _ in range(layers))
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(32, 32, 1), nn.ReLU(), nn.Conv1d(32, 64, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        total = torch.zeros_like(x[:, :1])
        for i, gate in enumerate(self.gates):
            left, right = gate(F.pad(x, (2**i, 0))).chunk(2, 1)
            h = torch.tanh(left) * torch.sigmoid(right)
            total = total + self.skips[i](h)
            if i < len(self.residuals):
                x = x + self.residuals[i](h)
        return self.head(total)


class TCN(nn.Module):
    """Temporal convolutional network: weight-normed, dilated, residual."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        self.layers = nn.ModuleList(
            norm(nn.Conv1d(8 if i == 0 else 32, 32, 3, dilation=2**i)) for i in range(4)
        )
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        for i, layer in enumerate(self.layers):
            h = torch.relu(layer(F.pad(x, (2 ** (i + 1), 0))))
            x = h if i == 0 else x + h
        return self.head(x[..., -1])


class M5(nn.Module):
    """A 1-d convolutional classifier of raw audio."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside, size, stride in ((1, 32, 80, 16), (32, 32, 3, 1), (32, 64, 3, 1)):
            layers += [nn.Conv1d(inside, outside, size, stride), nn.BatchNorm1d(outside)]
            layers += [nn.ReLU(), nn.MaxPool1d(4)]
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(64, 35)

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(self.head(self.layers(x).mean(-1)), -1)


class ESPCN(nn.Module):
    """Super-resolution: convolutions, then pixels out of channels."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 32, 5, padding=2), nn.Tanh(), nn.Conv2d(32, 16, 3, padding=1), nn.Tanh()
        )
        self.leave, self.shuffle = nn.Conv2d(16, 9, 3, padding=1), nn.PixelShuffle(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(self.leave(self.layers(x)))


class EDSR(nn.Module):
    """Residual super-resolution without normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 32, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1)
            )
            for _ in range(4)
        )
        self.leave = nn.Sequential(
            nn.Conv2d(32, 128, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(32, 3, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        first = self.enter(x)
        h = first
        for block in self.blocks:
            h = h + 0.1 * block(h)
        return self.leave(h + first)


class SpatialTransformer(nn.Module):
    """A localisation network turns the image before it is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.locate = nn.Sequential(
            nn.Conv2d(1, 8, 7), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(8, 10, 5), nn.MaxPool2d(2)
        )
        self.angle = nn.Sequential(nn.Linear(90, 32), nn.ReLU(), nn.Linear(32, 6))
        self.body = nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.head = nn.Linear(16 * 12 * 12, 10)

    def forward(self, x: Tensor) -> Tensor:
        theta = self.angle(self.locate(x).flatten(1)).view(-1, 2, 3)
        line = torch.linspace(-1, 1, 28)
        rows, columns = line[:, None].expand(28, 28), line[None].expand(28, 28)
        points = torch.stack([columns, rows, torch.ones(28, 28)], -1).view(1, -1, 3)
        grid = (points @ theta.transpose(1, 2)).view(-1, 28, 28, 2)
        return self.head(self.body(F.grid_sample(x, grid, align_corners=False)))


class Siamese(nn.Module):
    """One tower used on both inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 64),
        )  # fmt: skip
        self.head = nn.Linear(64, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.head((self.tower(left) - self.tower(right)).abs())


class TiedAutoencoder(nn.Module):
    """The decoder uses the encoder's weights transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(128, 784) * 0.02)
        self.second = nn.Parameter(torch.randn(32, 128) * 0.02)
        self.biases = nn.ParameterList(torch.zeros(n) for n in (128, 32, 128, 784))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.sigmoid(F.linear(x, self.first, self.biases[0]))
        z = torch.sigmoid(F.linear(h, self.second, self.biases[1]))
        h = torch.sigmoid(F.linear(z, self.second.t(), self.biases[2]))
        return torch.sigmoid(F.linear(h, self.first.t(), self.biases[3]))


class NeRF(nn.Module):
    """Positional encoding and a tower with a skip, colour by direction."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ModuleList(nn.Linear(w, 64) for w in (63, 64, 64))
        self.second = nn.ModuleList(nn.Linear(w, 64) for w in (127, 64))
        self.density, self.feature = nn.Linear(64, 1), nn.Linear(64, 64)
        self.colour = nn.Sequential(
            nn.Linear(64 + 27, 32), nn.ReLU(), nn.Linear(32, 3), nn.Sigmoid()
        )

    @staticmethod
    def encode(x: Tensor, levels: int) -> Tensor:
        parts = [x]
        for level in range(levels):
            parts += [torch.sin(2.0**level * x), torch.cos(2.0**level * x)]
        return torch.cat(parts, -1)

    def forward(self, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        encoded = self.encode(points, 10)
        h = encoded
        for layer in self.first:
            h = torch.relu(layer(h))
        h = torch.cat([h, encoded], -1)
        for layer in self.second:
            h = torch.relu(layer(h))
        h, density = self.feature(h), torch.relu(self.density(h))
        return self.colour(torch.cat([h, self.encode(directions, 4)], -1)), density


class PointNet(nn.Module):
    """Shared convolutions over points, an input transform, a global maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Sequential(nn.Conv1d(3, 32, 1), nn.BatchNorm1d(32), nn.ReLU())
        self.matrix = nn.Linear(32, 9)
        self.body = nn.Sequential(
            nn.Conv1d(3, 64, 1),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.Conv1d(64, 256, 1),
            nn.BatchNorm1d(256),
        )
        self.head = nn.Sequential(
            nn.Linear(256, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 40)
        )

    def forward(self, points: Tensor) -> Tensor:
        turned = self.turn(points).amax(-1)
        matrix = self.matrix(turned).view(-1, 3, 3) + torch.eye(3)
        x = (points.transpose(1, 2) @ matrix).transpose(1, 2)
        return self.head(self.body(x).amax(-1))


class KANLayer(nn.Module):
    """Learned functions on every edge: Gaussian bumps, summed by an einsum."""

    def __init__(self, inside: int, outside: int, bumps: int = 8) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(-2, 2, bumps))
        self.weights = nn.Parameter(torch.randn(inside, outside, bumps) * 0.1)
        self.base = nn.Linear(inside, outside, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        bumps = torch.exp(-((x[..., None] - self.centres) ** 2))
        return torch.einsum("bik,iok->bo", bumps, self.weights) + self.base(F.silu(x))


class KAN(nn.Module):
    """Two Kolmogorov-Arnold layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(KANLayer(20, 32), KANLayer(32, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class CapsuleNet(nn.Module):
    """Capsules with dynamic routing, three rounds written out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.primary = nn.Conv2d(1, 32, 9), nn.Conv2d(32, 32, 9, stride=2)
        self.votes = nn.Parameter(torch.randn(144, 10, 16, 8) * 0.02)

    @staticmethod
    def squash(x: Tensor) -> Tensor:
        square = (x**2).sum(-1, keepdim=True)
        return square / (1 + square) * x / torch.sqrt(square + 1e-8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.primary(torch.relu(self.conv(x)))
        u = self.squash(h.view(-1, 4, 8, 36).permute(0, 1, 3, 2).reshape(-1, 144, 8))
        votes = torch.einsum("nodk,bnk->bnod", self.votes, u)
        logits = torch.zeros_like(votes[..., 0])
        v = votes[:, 0]
        for trip in range(3):
            if trip:
                logits = logits + torch.einsum("bnod,bod->bno", votes, v)
            weight = torch.softmax(logits, 2)
            v = self.squash((weight[..., None] * votes).sum(1))
        return torch.sqrt((v**2).sum(-1) + 1e-8)


class BilinearTensorNet(nn.Module):
    """Einsums of several kinds: bilinear attention, a Tucker core, low-rank fusion."""

    def __init__(self) -> None:
        super().__init__()
        self.bilinear = nn.Parameter(torch.randn(4, 24, 32) * 0.1)
        self.core = nn.Parameter(torch.randn(12, 10, 16) * 0.1)
        self.left, self.right = nn.Linear(24, 12), nn.Linear(32, 10)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        score = torch.einsum("bid,hde,bje->bhij", x, self.bilinear, y)
        weight = torch.softmax(score.flatten(2), -1).view(score.shape)
        pooled = torch.einsum("bhij,bid->bhjd", weight, x).mean((1, 2))
        return torch.einsum("bp,bq,pqr->br", self.left(pooled), self.right(y.mean(1)), self.core)


class TensorTrain(nn.Module):
    """A linear layer factored into a train of small tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(8, 8, 6) * 0.1)
        self.b = nn.Parameter(torch.randn(6, 8, 8, 6) * 0.1)
        self.c = nn.Parameter(torch.randn(6, 4, 4) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.view(-1, 8, 8, 4)
        x = torch.einsum("nijk,iar->najkr", x, self.a)
        x = torch.einsum("najkr,rjbs->nabks", x, self.b)
        return torch.einsum("nabks,skc->nabc", x, self.c).flatten(1)


class FourierOperator(nn.Module):
    """A Fourier neural operator in one dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(1, 24), nn.Linear(24, 1)
        self.real = nn.Parameter(torch.randn(24, 24, 9) * 0.04)
        self.imaginary = nn.Parameter(torch.randn(24, 24, 9) * 0.04)
        self.local = nn.Conv1d(24, 24, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x).transpose(1, 2)
        spectrum = torch.view_as_real(torch.fft.rfft(h))[:, :, :9]
        a, b = spectrum[..., 0], spectrum[..., 1]
        real = torch.einsum("bim,iom->bom", a, self.real) - torch.einsum(
            "bim,iom->bom", b, self.imaginary
        )
        imag = torch.einsum("bim,iom->bom", a, self.imaginary) + torch.einsum(
            "bim,iom->bom", b, self.real
        )
        mixed = torch.complex(F.pad(real, (0, 24)), F.pad(imag, (0, 24)))
        return self.leave(F.gelu(torch.fft.irfft(mixed, n=64) + self.local(h)).transpose(1, 2))


class MixtureOfExperts(nn.Module):
    """All experts run, the two best are weighed: a dense mixture as exporters like it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(32, 4)
        self.up = nn.Parameter(torch.randn(4, 32, 64) * 0.1)
        self.down = nn.Parameter(torch.randn(4, 64, 32) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        score = torch.softmax(self.gate(x), -1)
        best, index = score.topk(2, -1)
        weight = torch.zeros_like(score).scatter(-1, index, best)
        h = F.gelu(torch.einsum("bsd,edf->bsef", x, self.up))
        return torch.einsum("bsef,efd,bse->bsd", h, self.down, weight)


class LinearAttention(nn.Module):
    """Attention without a softmax: keys times values first."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(64, 192), nn.Linear(64, 64)
        self.norm = nn.RMSNorm(64)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).unflatten(-1, (3, 4, 16)).permute(2, 0, 3, 1, 4)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        context = k.transpose(-1, -2) @ v
        scale = 1 / (q * k.sum(2, keepdim=True)).sum(-1, keepdim=True)
        return x + self.out((q @ context * scale).transpose(1, 2).flatten(2))


class SqueezeTabular(nn.Module):
    """A tabular network: periodic features, gated layers, PReLU and batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.rates = nn.Parameter(torch.randn(10, 8))
        self.first, self.gate = nn.Linear(160, 64), nn.Linear(160, 64)
        self.norm, self.bend = nn.BatchNorm1d(64), nn.PReLU(64)
        self.second, self.head = nn.Linear(64, 64), nn.Bilinear(64, 64, 3)

    def forward(self, x: Tensor) -> Tensor:
        angles = 2 * math.pi * x[..., None] * self.rates
        h = torch.cat([angles.sin(), angles.cos()], -1).flatten(1)
        h = self.bend(self.norm(self.first(h) * torch.sigmoid(self.gate(h))))
        return self.head(h, torch.tanh(self.second(h)))
