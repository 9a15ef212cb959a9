"""Configurations of many jobs: each choice of files composed once, values set in copies."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict


def composed(
    loader: ConfigLoader, master: DictConfig, grid: Sequence[Sequence[str]]
) -> Iterator[dict[str, Any]]:
    """Yield the configuration of each job, as `loader.load_sweep_config` and then the job have it.

    Hydra reads and merges all files again for each job, which takes 0.15 s. Which files those are
    depends on overrides that name groups alone; all others set values afterwards, in their order.

    Args:
        loader: of Hydra.
        master: what the jobs have in common.
        grid: overrides of each job.

    Raises:
        HydraException: if the configuration of a job does not compose.
    """
    assert isinstance(loader, ConfigLoaderImpl)
    parser = OverridesParser.create(config_loader=loader)
    parsed: dict[str, Override] = {}
    chosen: dict[tuple[str, ...], DictConfig] = {}
    for job in grid:
        for text in job:
            if text not in parsed:
                parsed[text] = parser.parse_override(text)
        files = tuple(text for text in job if not _sets_value(loader, parsed[text]))
        if files not in chosen:
            chosen[files] = _without_hydra(loader.load_sweep_config(master, list(files)))
        config = copy.deepcopy(chosen[files])
        values = [parsed[text] for text in job if text not in files]
        try:
            loader._apply_overrides_to_config(values, config)
        except HydraException:
            # In Hydra's own words, which name the key's section.
            loader.load_sweep_config(master, list(job))
            raise
        yield _plain(config)


def _sets_value(loader: ConfigLoaderImpl, override: Override) -> bool:
    """Return whether Hydra applies the override to what was merged from files."""
    of_hydra = override.is_hydra_override()
    named = loader.repository.group_exists(override.key_or_group) or override.package is not None
    return not of_hydra and (not named or isinstance(override.value(), dict))


def _without_hydra(config: DictConfig) -> DictConfig:
    """Return the job's part, typed. Only hydra's part may have interpolations into that part."""
    with open_dict(config):
        del config["hydra"]
    return config


def _plain(config: DictConfig) -> dict[str, Any]:
    plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}
