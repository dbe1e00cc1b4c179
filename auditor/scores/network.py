"""NetScore and Carburacy: accuracy against a network's size, and against its carbon."""

from __future__ import annotations

import math
from types import MappingProxyType

from auditor.scores.records import Choices, Figures, Score, carried, undefined
from auditor.units import G_PER_KG

# Wong, arXiv 1806.05512: alpha 2, beta and gamma 0.5.
NETSCORE_ALPHA, NETSCORE_BETA, NETSCORE_GAMMA = 2.0, 0.5, 0.5
# Moro et al., AAAI 2023: alpha 10, beta 1 for training (100 for inference, in kg CO2).
CARBURACY_ALPHA, CARBURACY_BETA_TRAIN = 10.0, 1.0


def netscore_value(accuracy: float, parameter_count: float, macs: float) -> float | None:
    """NetScore = 20 log10(a^2 / (p^0.5 m^0.5)), in decibels.

    Wong, arXiv 1806.05512: a is the accuracy in per cent, p the parameters in millions and m
    the multiply-accumulates of one forward pass in billions.  `accuracy` here is a fraction,
    the other two are plain counts.  None where one of them is 0.
    """
    if min(accuracy, parameter_count, macs) <= 0:
        return None
    cost = (parameter_count / 1e6) ** NETSCORE_BETA * (macs / 1e9) ** NETSCORE_GAMMA
    return 20 * math.log10((100 * accuracy) ** NETSCORE_ALPHA / cost)


def netscore(found: Figures, _choices: Choices) -> Score:
    """NetScore; it has no interval, as the graph gives its counts exactly."""
    if found.accuracy is None:
        return undefined("netscore", "no accuracy")
    value = netscore_value(found.accuracy, found.parameter_count, found.macs)
    settings: dict[str, float | str] = {
        "alpha": NETSCORE_ALPHA,
        "beta": NETSCORE_BETA,
        "gamma": NETSCORE_GAMMA,
        "unit": "accuracy in %, parameters in millions, MACs of a sample in billions",
    }
    if value is None:
        return undefined("netscore", "the accuracy, the parameters or the MACs are 0", settings)
    return Score(metric="netscore", median=value, settings=MappingProxyType(settings))


def carburacy_value(accuracy: float, carbon_kgco2e: float) -> float | None:
    """Carburacy of a training: exp(log10(R)) / (1 + C), R a fraction, C in kg CO2e.

    Moro, Ragazzi, Valgimigli, "Carburacy", AAAI 2023, doi 10.1609/aaai.v37i12.26686: alpha 10 is
    the logarithm's base and beta 1 the weight of C, by the authors' disi-unibo-nlp/carburacy
    carburacy.py.  None at an accuracy of 0, which has no logarithm.
    """
    if accuracy <= 0:
        return None
    effectiveness = math.exp(math.log(accuracy) / math.log(CARBURACY_ALPHA))
    return effectiveness / (1 + CARBURACY_BETA_TRAIN * carbon_kgco2e)


def carburacy_train(found: Figures, _choices: Choices) -> Score:
    """Carburacy's part of the training; the whole takes the emissions of inference too."""
    accuracy, carbon_gco2e = found.accuracy, found.carbon_gco2e
    if accuracy is None or carbon_gco2e is None:
        return undefined("carburacy_train", "no accuracy, or no carbon")
    return carried(
        "carburacy_train",
        carbon_gco2e,
        lambda grams: carburacy_value(accuracy, grams / G_PER_KG),
        {"alpha": CARBURACY_ALPHA, "beta": CARBURACY_BETA_TRAIN, "unit": "kg CO2e, training alone"},
        "the accuracy is 0: it has no logarithm",
    )
