"""Architecture families of the measured networks, for leaving out a whole one at a time.

A family is a lineage: names of one design in different libraries, trainings and sizes share it,
since a network left out alone would still be known through its brothers.
"""

from __future__ import annotations

import re

_PREFIXES = r"^(tf|tv|jx|adv|ens_adv|ssl|swsl|ig|gluon|legacy)_"
"""Where weights come from, not what the network is."""

FAMILIES: tuple[tuple[str, str], ...] = (
    # Residual networks with an attention product in place of a convolution.
    (r"(eca_|se)?(botn|halo(2|net|next))|lambda_resnet|lamhalo", "botnet-halonet"),
    (r"resnetv2", "resnetv2"),
    (r"resnest", "resnest"),
    (r"res2ne", "res2net"),
    (r"tresnet", "tresnet"),
    (r"inception", "inception"),
    (r"vit_", "vit"),
    (r"deit|beit", "vit"),
    (r"resmlp", "resmlp"),
    (r"(wide_)?(bat_|eca_?|se|gc|sk)?res(net|next)|senet", "resnet"),
    (r"(gc_)?efficientnet|tinynet", "efficientnet"),
    (r"mobilenet|hardcorenas|lcnet", "mobilenet"),
    (r"(se)?mnasnet|spnasnet", "mnasnet"),
    (r"p?nasnet", "nasnet"),
    (r"(se)?mobilevit", "mobilevit"),
    (r"(halo)?regnet", "regnet"),
    (r"(ese_|eca_)?vovnet", "vovnet"),
    (r"g?mixer", "mixer"),
    (r"bert", "bert"),
    (r"gpt|opt_", "gpt"),
    *(
        (name, name)
        for name in (
            "cait",
            "convit",
            "convmixer",
            "convnext",
            "densenet",
            "dla",
            "edgenext",
            "gernet",
            "ghostnet",
            "gmlp",
            "levit",
            "llama",
            "mixnet",
            "nest",
            "pit",
            "poolformer",
            "repvgg",
            "rexnet",
            "sequencer",
            "shufflenet",
            "squeezenet",
            "swin",
            "tnt",
            "vgg",
            "visformer",
            "volo",
            "xception",
            "xcit",
        )
    ),
)
"""What a name begins with, and the family; the first that fits is taken."""


def family(model: str) -> str:
    """The family of a network by the name its library gives it.

    Raises:
        ValueError: no family is known for it; add it to `FAMILIES`.
    """
    name = re.sub(_PREFIXES, "", model.lower())
    for pattern, found in FAMILIES:
        if re.match(pattern, name):
            return found
    raise ValueError(f"no family for {model!r}: add it to FAMILIES")
