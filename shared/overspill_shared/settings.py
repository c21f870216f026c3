"""Reading settings: flags, then environment, then a TOML file, then defaults; all wrong keys reported at once.

Only the mechanism stands here: each deployable has its own settings model. The environment is an argument; nothing
is read at import.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic.fields import FieldInfo

ENV_PREFIX = "OVERSPILL_"


class Settings(BaseSettings):
    """Base of a deployable's settings; nested keys in the environment are joined by `__`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        nested_model_default_partial_update=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings passes all by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load` gathered, and nothing else."""
        return (init_settings,)


S = TypeVar("S", bound=Settings)


def load(
    model: type[S],
    environ: Mapping[str, str],
    *,
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
) -> S:
    """Read settings from flags, environment and file, in that order of precedence.

    Raises ConfigError that names every wrong or unknown key.
    """
    in_file = _read_toml(file) if file else {}
    in_flags = {key: value for key, value in (flags or {}).items() if value is not None}
    try:
        return model(**_merged(in_file, _MappingSource(model, environ)(), in_flags))
    except ValidationError as exc:
        raise ConfigError(
            "settings: "
            + "; ".join(_problem(item) for item in exc.errors(include_url=False, include_input=False))
            + ".",
            remedy=f"Correct them in the file, the {ENV_PREFIX}* variables or the flags; see docs/settings.md.",
            code="settings",
        ) from None


class _MappingSource(EnvSettingsSource):
    """The environment given as a mapping, so that nothing reads os.environ behind our back."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._given = {key.lower(): value for key, value in environ.items() if value != ""}
        super().__init__(settings_cls)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Read JSON; leave other text as it is, so that validation names the key beside all other wrong ones."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._given


def _merged(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """Give all keys of all sources, nested ones too; a later source wins."""
    values: dict[str, Any] = {}
    for source in sources:
        for key, value in source.items():
            nested = isinstance(value, dict) and isinstance(values.get(key), dict)
            values[key] = _merged(values[key], value) if nested else value
    return values


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"settings file {file}: {exc.strerror}.", remedy="Check --config.", code="settings") from None
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"settings file {file} is not TOML: {exc}.", remedy="Correct it.", code="settings") from None


def _problem(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    text = "is not a setting" if item["type"] == "extra_forbidden" else item["msg"]
    return f"{key}: {text}" if key else text
